"""Text as people type it: what is kept, and what is refused because nobody would see it or a mail header break."""

import pytest
from pydantic import TypeAdapter, ValidationError

from models.text import Line, Paragraph

LINE, PARAGRAPH = TypeAdapter[str](Line), TypeAdapter[str](Paragraph)
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
NOTHING = [
    "\u200b",
    "\u200d\u200d",
    "\ufeff \u2060",
    "\ufe0f",
    "\u3164",
    "\u2800\u00a0\u2800",
    "\u00ad",
]


@pytest.mark.parametrize("kind", [LINE, PARAGRAPH])
@pytest.mark.parametrize("text", [FAMILY, "\u2764\ufe0f", "नमस्ते", "می\u200cخواهم", "e\u0301", "."])
def test_joiners_inside_what_is_seen_are_kept(kind: TypeAdapter[str], text: str) -> None:
    kept = kind.validate_python(text)
    assert kept == ("é" if text == "e\u0301" else text)


@pytest.mark.parametrize("kind", [LINE, PARAGRAPH])
@pytest.mark.parametrize("text", NOTHING)
def test_text_that_shows_nothing_is_refused(kind: TypeAdapter[str], text: str) -> None:
    with pytest.raises(ValidationError, match="nothing that can be seen"):
        kind.validate_python(text)


@pytest.mark.parametrize("text", ["a\u2028b", "a\u2029b", "a\nb", "a\u0085b"])
def test_a_line_is_one_line(text: str) -> None:
    with pytest.raises(ValidationError, match="cannot be stored or shown"):
        LINE.validate_python(text)


@pytest.mark.parametrize("text", ["a\nb", "a\u2028b", "a\u2029b"])
def test_a_paragraph_may_have_several(text: str) -> None:
    assert PARAGRAPH.validate_python(text) == text

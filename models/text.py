"""Text as people type it: what PostgreSQL and a mail header can hold, and nothing that hides."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

_INVISIBLE = {"Cc", "Cs", "Co", "Cn"}
_LINE_BREAKS = {"Zl", "Zp"}
_UNSEEN = {"Cc", "Cf", "Mn", "Me", "Zs"} | _LINE_BREAKS
_BLANKS = set("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols, by their category, that are drawn as nothing."""
_BIDI_OVERRIDES = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _refuse_unprintable(text: str, *, refused: set[str], allowed: str = "") -> str:
    for character in text:
        if character in allowed:
            continue
        if unicodedata.category(character) in refused or character in _BIDI_OVERRIDES:
            raise ValueError(
                f"holds the character U+{ord(character):04X}, which cannot be stored or shown"
            )
    if not any(map(_is_seen, text)):
        raise ValueError("holds nothing that can be seen")
    return unicodedata.normalize("NFC", text)


def _is_seen(character: str) -> bool:
    """Joiners and variation selectors are fine inside a word or an emoji, but show nothing by themselves."""
    return unicodedata.category(character) not in _UNSEEN and character not in _BLANKS


def _one_line(text: str) -> str:
    return _refuse_unprintable(text, refused=_INVISIBLE | _LINE_BREAKS)


def _many_lines(text: str) -> str:
    return _refuse_unprintable(text, refused=_INVISIBLE, allowed="\n\r\t")


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_one_line),
]
"""One line of visible text, 1–200 characters, NFC."""

Paragraph = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=4000),
    AfterValidator(_many_lines),
]
"""Text with line breaks, 1–4000 characters, NFC."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:\-]{1,64}$")]
"""An id as it comes from outside."""

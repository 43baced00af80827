"""The texts of pages: marked in every template, and translated whole."""

import re
from html.parser import HTMLParser
from importlib.resources import files
from io import StringIO

import pytest
from babel.messages.pofile import read_po

from models.outlook import Language
from portal.language import texts_in
from portal.texts import catalogue_path, texts_of_pages

ENGLISH_ONLY = {"problem.html", "problems.html", "reference.html"}
"""The documentation for integrators, like everything under docs/."""

_PLACEHOLDER = re.compile(r"%\(\w+\)s")
_NAMES = {"Keydesk", "API", "openapi.json", "Temporal UI", "SHA-256", "UTC"}


def test_every_text_is_translated_and_keeps_its_placeholders() -> None:
    catalogue = texts_in(Language.CZECH)
    texts = {text for _, text in texts_of_pages()}
    assert len(texts) > 50
    for text in texts:
        translated = catalogue.gettext(text)
        # A few words are the same in both languages.
        assert translated != text or text in _NAMES, text
        assert sorted(_PLACEHOLDER.findall(text)) == sorted(_PLACEHOLDER.findall(translated)), text


def test_no_translation_is_left_to_be_checked() -> None:
    path = files("portal") / catalogue_path(Language.CZECH).removeprefix("portal/")
    catalogue = read_po(StringIO(path.read_text(encoding="utf-8")), locale="cs")
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []
    assert list(catalogue.obsolete) == []


class _Texts(HTMLParser):
    """What a reader sees of a template, outside code and pre."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._quiet = 0
        self.feed(re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", text, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._quiet += tag in ("code", "pre")
        self.seen += [v for k, v in attrs if k in ("title", "aria-label", "placeholder") and v]

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.seen.append(data)


TEMPLATES = sorted(
    path.name for path in (files("portal") / "templates").iterdir() if path.name not in ENGLISH_ONLY
)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_says_nothing_unmarked(name: str) -> None:
    text = (files("portal") / "templates" / name).read_text(encoding="utf-8")
    words = {word.strip(" –,.:\n") for seen in _Texts(text).seen for word in seen.split("\n")}
    assert {word for word in words if re.search(r"[^\W\d]", word)} <= _NAMES

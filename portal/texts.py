"""The texts of pages as translators get them: a catalogue with every text, what is translated kept, the rest empty."""

from collections.abc import Iterator
from importlib.resources import as_file, files
from io import BytesIO, StringIO

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from models.outlook import Language

_METHODS = [("**.html", "jinja2")]
_OPTIONS = {"**.html": {"trimmed": "true", "newstyle_gettext": "true"}}


def catalogue_path(language: Language) -> str:
    """Where the catalogue of a language is kept."""
    return f"portal/locale/{language}.po"


def render_catalogue(language: Language) -> str:
    """The catalogue of a language as the templates want it now."""
    known = read_po(StringIO(_written(language)), locale=language)
    catalogue = Catalog(locale=language, project="Keydesk", fuzzy=False, header_comment="")
    for place, text in sorted(texts_of_pages()):
        translated = known.get(text)
        catalogue.add(text, translated.string if translated else "", locations=[(place, 1)])
    return _as_text(catalogue)


def texts_of_pages() -> Iterator[tuple[str, str]]:
    """Every text that a template marks, with the template it is in."""
    with as_file(files("portal") / "templates") as directory:
        found = list(extract_from_dir(str(directory), method_map=_METHODS, options_map=_OPTIONS))
    for name, _, text, _, _ in found:
        assert isinstance(text, str), "plurals are not used by any page yet"
        yield name, text


def _written(language: Language) -> str:
    return (files("portal") / f"locale/{language}.po").read_text(encoding="utf-8")


def _as_text(catalogue: Catalog) -> str:
    """Without dates and line numbers, which would change with every edit."""
    written = BytesIO()
    write_po(written, catalogue, width=100, omit_header=True, include_lineno=False)
    return _HEADER.format(language=catalogue.locale) + written.getvalue().decode("utf-8")


_HEADER = """\
# The texts of pages in this language; `keydesk docs` adds what is new and drops what is gone.
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""

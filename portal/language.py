"""The reader's language, and the texts of pages in it: gettext catalogues under portal/locale, read as written."""

from functools import cache
from importlib.resources import files
from io import BytesIO, StringIO

from babel import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from fastapi import Request, Response

from models.outlook import Language

COOKIE = "language"
_YEAR_S = 365 * 24 * 3600


def language_of(request: Request) -> Language:
    """As chosen on a page before, else the first that the browser asks for and we speak, else English."""
    chosen = request.cookies.get(COOKIE)
    wanted = [chosen] if chosen in set(Language) else _accepted(request)
    return Language(negotiate_locale(wanted, list(Language), sep="-") or Language.ENGLISH)


def remember(response: Response, language: Language, *, secure: bool) -> None:
    """Let the browser keep the choice; it says nothing about anybody."""
    response.set_cookie(
        COOKIE, language, max_age=_YEAR_S, secure=secure, httponly=True, samesite="lax"
    )


@cache
def texts_in(language: Language) -> NullTranslations:
    """The catalogue of a language; English is the language that the texts are written in."""
    if language is Language.ENGLISH:
        return NullTranslations()
    written = files("portal").joinpath(f"locale/{language}.po").read_text(encoding="utf-8")
    compiled = BytesIO()
    write_mo(compiled, read_po(StringIO(written), locale=language, abort_invalid=True))
    compiled.seek(0)
    return Translations(compiled)


def _accepted(request: Request) -> list[str]:
    """The languages of Accept-Language, the most wanted first."""
    listed = [
        part.partition(";q=") for part in request.headers.get("accept-language", "").split(",")
    ]
    ranked = [(_quality(quality), name.strip()) for name, _, quality in listed[:20]]
    return [name for quality, name in sorted(ranked, key=lambda pair: -pair[0]) if quality > 0]


def _quality(text: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0.0

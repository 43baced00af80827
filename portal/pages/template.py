"""Pages as text: Jinja templates that escape everything and forgive nothing, in the reader's language."""

import re
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from babel.dates import format_datetime
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from models.money import Money
from models.outlook import Language
from portal.language import language_of, texts_in
from portal.state import state_of
from portal.visit import visit_of
from rules.money import money_text

_CODE = re.compile(r"`([^`]+)`")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    # Unlike `no-referrer`, this lets a browser name the origin of our own forms; addresses stay with us.
    "Referrer-Policy": "same-origin",
}


def page(request: Request, name: str, **facts: Any) -> HTMLResponse:
    """One page in its frame: for whoever reads it, in their language."""
    language, state = language_of(request), state_of(request)
    frame = {
        "language": language,
        "languages": tuple(Language),
        "reader": visit_of(request).principal,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "sign_in_offered": state.sign_in.is_offered(request),
        "development": state.sign_in.offers_people(request),
    }
    text = _environment(language).get_template(f"{name}.html").render(frame | facts)
    return HTMLResponse(text, headers=_HEADERS | {"Content-Language": language})


@cache
def _environment(language: Language) -> Environment:
    made = Environment(
        loader=PackageLoader("portal", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    # The extension adds this method when it is loaded.
    made.install_gettext_translations(texts_in(language), newstyle=True)  # type: ignore[attr-defined]
    made.filters |= {
        "prose": _prose,
        "instant": partial(_instant, language=language),
        "money": partial(money_text, language=language),
        "figures": partial(_figures, language=language),
    }
    return made


def _prose(text: str) -> Markup:
    """Plain text in which back-ticks mark code."""
    # Escaped first, so that only our own tags are markup.
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _instant(moment: datetime, language: Language) -> Markup:
    """An instant to the minute in UTC, since a page without script does not know its reader's zone."""
    exact = moment.astimezone(UTC)
    shown = format_datetime(
        exact,
        "d. MMMM y HH:mm" if language is Language.CZECH else "d MMMM y, HH:mm",
        locale=language,
    )
    return Markup('<time datetime="{0}" title="{0}">{1} UTC</time>').format(
        exact.isoformat(timespec="seconds"), shown
    )


def _figures(money: Money, language: Language) -> str:
    """An amount as it stands in a field to be changed: no currency, nothing between the thousands."""
    plain = str(money).removesuffix(f" {money.currency}").replace(",", "")
    return plain.replace(".", ",") if language is Language.CZECH else plain

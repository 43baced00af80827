"""Pages as text: Jinja templates that escape everything and forgive nothing."""

import re
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")


def _prose(text: str) -> Markup:
    """Plain text in which back-ticks mark code."""
    # Escaped first, so that only our own tags are markup.
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704


_environment = Environment(
    loader=PackageLoader("portal", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters["prose"] = _prose


def page(name: str, **facts: Any) -> HTMLResponse:
    """One page."""
    return HTMLResponse(_environment.get_template(f"{name}.html").render(**facts))

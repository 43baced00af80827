"""Pages as text: Jinja templates that escape everything and forgive nothing."""

from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

_environment = Environment(
    loader=PackageLoader("portal", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(name: str, **facts: Any) -> HTMLResponse:
    """One page."""
    return HTMLResponse(_environment.get_template(f"{name}.html").render(**facts))

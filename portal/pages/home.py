"""The plain pages that need no sign-in: home, the API reference, the problems, and what they load."""

from importlib.resources import files

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from models.errors import NotFound
from portal.auth import PUBLIC
from portal.page import page_router
from portal.pages.reference import operations
from portal.pages.template import page
from portal.problem_codes import PROBLEMS
from portal.state import State

router = page_router(dependencies=[PUBLIC])


@router.get("/")
def home(request: Request, state: State) -> HTMLResponse:
    """Where to go from here."""
    return page(request, "home", temporal_ui_url=state.temporal_ui_url, public_url=state.public_url)


@router.get("/api/docs")
def reference(request: Request) -> HTMLResponse:
    """The API, drawn from its own description; no script and no foreign request."""
    schema = request.app.openapi()
    return page(request, "reference", info=schema["info"], groups=operations(schema))


@router.get("/problems")
def list_problems(request: Request) -> HTMLResponse:
    """Every code that a door can answer with."""
    doors = {code: text for code, text in PROBLEMS.items() if text.status is not None}
    return page(request, "problems", problems=doors)


@router.get("/problems/{code}")
def read_problem(request: Request, code: str) -> HTMLResponse:
    """What one code means, and what helps."""
    if code not in PROBLEMS:
        raise NotFound("problem")
    return page(request, "problem", code=code, problem=PROBLEMS[code])


@router.get("/assets/portal.css")
def style() -> Response:
    """The style of these pages."""
    return _asset("portal.css", "text/css")


@router.get("/assets/icon.svg")
def icon() -> Response:
    """What browsers show beside the title."""
    return _asset("icon.svg", "image/svg+xml")


def _asset(name: str, kind: str) -> Response:
    text = files("portal").joinpath(f"assets/{name}").read_text(encoding="utf-8")
    return Response(text, media_type=kind, headers={"Cache-Control": "max-age=3600"})

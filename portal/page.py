"""What every page has in common: no other site may send its forms, who reads it, and failures told as pages."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.requests import Request
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from models.errors import KeydeskError
from portal.auth import SignInNeeded, is_public
from portal.cross_site import refuse_foreign_sites
from portal.door import WrongMediaType, media_type, read_limited
from portal.pages.template import page
from portal.problems import (
    InvalidFields,
    answer,
    fault_of_ours,
    field_problems,
    means_database_away,
)
from portal.state import PortalState, state_of
from portal.visit import visit_of

MAX_FORM_BYTES = 64 * 1024
_FIELDS_MAX = 50
SIGN_IN = "/sign-in"
_FORM = "application/x-www-form-urlencoded"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Form = TypeVar("Form", bound=BaseModel)


class PageRoute(APIRoute):
    """First where it comes from, then who, then what."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler behind the page's door."""
        handle = super().get_route_handler()
        public = any(is_public(inner.call) for inner in self.dependant.dependencies)

        async def enter(request: Request) -> Response:
            state = state_of(request)
            try:
                refuse_foreign_sites(request, state.public_url, state.sessions.cookie)
                await _find_reader(request, state, public=public)
                return await handle(request)
            except SignInNeeded:
                return _to_sign_in(request)
            except RequestValidationError as error:
                return failure(
                    request, InvalidFields("invalid_request", field_problems(error.errors()))
                )
            except KeydeskError as error:
                return failure(request, error)
            except Exception as error:
                return failure(request, fault_of_ours(request, error))

        return enter


def page_router(**options: Any) -> APIRouter:
    """A router of pages; they are no part of the API."""
    return APIRouter(route_class=PageRoute, include_in_schema=False, **options)


def go_on(path: str) -> RedirectResponse:
    """After a form was taken: on to a page by GET, so that loading it again sends nothing twice."""
    return RedirectResponse(path, status_code=303)


def failure(request: Request, error: KeydeskError) -> Response:
    """A failure in words for people; programs, which do not ask for HTML, get the problem document."""
    if error.http_status >= 500 and error.permanent and error.code != "internal_error":
        error = fault_of_ours(request, error)
    problem = answer(request, error)
    if "text/html" not in request.headers.get("accept", ""):
        return problem
    told = page(request, "failure", error=error, request_id=visit_of(request).request_id)
    told.status_code = problem.status_code
    if "retry-after" in problem.headers:
        told.headers["Retry-After"] = problem.headers["retry-after"]
    return told


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a posted form, within the limit; a field left empty was left out."""
    if media_type(request) != _FORM:
        raise WrongMediaType(_FORM)
    raw = await read_limited(request, MAX_FORM_BYTES)
    try:
        return dict(parse_qsl(raw.decode("utf-8"), errors="strict", max_num_fields=_FIELDS_MAX))
    except ValueError:
        raise InvalidFields("invalid_request", []) from None


def filled(model: type[Form], fields: dict[str, Any]) -> Form:
    """The form's fields as the value that they mean."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_input=False, include_context=False)
        raise InvalidFields("invalid_request", field_problems(found)) from None


async def _find_reader(request: Request, state: PortalState, *, public: bool) -> None:
    """Remember whose browser this is; a public page shows itself also while the book is away."""
    try:
        seat = await state.sessions.find(request)
    except Exception as error:
        if public and means_database_away(error):
            return
        raise
    if seat is not None:
        visit = visit_of(request)
        visit.principal, visit.session = seat.principal, seat.session


def _to_sign_in(request: Request) -> Response:
    """To the sign-in page and back; a form that came too late is to be filled in again on its page."""
    here = request.url.path
    if request.method == "GET" and request.url.query:
        here = f"{here}?{request.url.query}"
    return go_on(f"{SIGN_IN}?next={quote(here, safe='/')}")

"""The page behind a download link: a button for whoever holds it, the file, and one answer for every dead link."""

from fastapi import APIRouter, Request, Response

from portal.auth import PUBLIC
from portal.download import CONFIRMED
from portal.pages.template import page
from portal.state import State

router = APIRouter(include_in_schema=False)

_BUTTON_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


@router.api_route("/d/{token}", methods=["GET", "HEAD"], dependencies=[PUBLIC])
def download(token: str, request: Request, state: State) -> Response:
    """Only a request that says `?download` can use anything up; a mail scanner that opens the link sees a page."""
    if CONFIRMED not in request.query_params or _ahead_of_time(request):
        return _page(token, state)
    return state.downloads.serve(token, request.method, request.headers) or _dead_link()


def _ahead_of_time(request: Request) -> bool:
    """A browser that fetches what nobody asked for yet (Fetch standard, `Sec-Purpose`; before it, `Purpose`)."""
    purposes = (request.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz"))
    return any("prefetch" in purpose.lower() for purpose in purposes)


def _page(token: str, state: State) -> Response:
    link = state.downloads.look(token)
    if link is None:
        return _dead_link()
    answer = page("download", file=link.file, expires_at=link.expires_at, confirmed=CONFIRMED)
    answer.headers["Content-Security-Policy"] = _BUTTON_POLICY
    return answer


def _dead_link() -> Response:
    answer = page("dead_link")
    answer.status_code = 404
    return answer

"""The page behind a download link: a button for whoever holds it, the file, and one answer for every dead link."""

from fastapi import Request, Response

from portal.auth import PUBLIC
from portal.download import CONFIRMED
from portal.page import page_router
from portal.pages.template import page
from portal.return_address import HOME
from portal.state import State

router = page_router()


@router.api_route("/d/{token}", methods=["GET", "HEAD"], dependencies=[PUBLIC])
def download(token: str, request: Request, state: State) -> Response:
    """Only a request that says `?download` can use anything up; a mail scanner that opens the link sees a page."""
    if CONFIRMED not in request.query_params or _ahead_of_time(request):
        return _page(token, request, state)
    return state.downloads.serve(token, request.method, request.headers) or _dead_link(request)


def _ahead_of_time(request: Request) -> bool:
    """A browser that fetches what nobody asked for yet (Fetch standard, `Sec-Purpose`; before it, `Purpose`)."""
    purposes = (request.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz"))
    return any("prefetch" in purpose.lower() for purpose in purposes)


def _page(token: str, request: Request, state: State) -> Response:
    link = state.downloads.look(token)
    if link is None:
        return _dead_link(request)
    return page(
        request,
        "download",
        file=link.file,
        expires_at=link.expires_at,
        confirmed=CONFIRMED,
        # Never back to an address that says `?download`: choosing a language must use nothing up.
        here=request.url.path,
    )


def _dead_link(request: Request) -> Response:
    # The same page for every dead link, so it does not lead back to this one either.
    answer = page(request, "dead_link", here=HOME)
    answer.status_code = 404
    return answer

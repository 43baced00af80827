"""The page behind a download link: the file for whoever holds the link, and one answer for every dead one."""

from fastapi import APIRouter, Request, Response

from portal.auth import PUBLIC
from portal.pages.template import page
from portal.state import State

router = APIRouter(include_in_schema=False)


@router.api_route("/d/{token}", methods=["GET", "HEAD"], dependencies=[PUBLIC])
def download(token: str, request: Request, state: State) -> Response:
    """HEAD uses nothing up, nor does going on with a download that was counted."""
    return state.downloads.serve(token, request.method, request.headers) or _dead_link()


def _dead_link() -> Response:
    answer = page("dead_link")
    answer.status_code = 404
    return answer

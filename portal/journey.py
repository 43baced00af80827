"""The cookie that a browser takes along to the OpenID provider and back: readable by it, made by nobody but us."""

import base64
import hmac

from fastapi import Request, Response
from pydantic import ValidationError

from models.sign_in import Journey
from storage.invitation import Marker

_PLAIN_NAME = "keydesk-journey"
_PURPOSE = "keydesk/v1/journey"


class JourneyCookies:
    """Bind a sign-in to the browser that began it; `secure` as for sessions."""

    def __init__(self, marker: Marker, *, secure: bool) -> None:
        self._marker = marker
        self._secure = secure
        self._name = f"__Host-{_PLAIN_NAME}" if secure else _PLAIN_NAME

    def give(self, response: Response, journey: Journey) -> None:
        """Let the browser take it along."""
        text = base64.urlsafe_b64encode(journey.model_dump_json().encode()).decode("ascii")
        response.set_cookie(
            self._name,
            f"{text}.{self._mark(text)}",
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def read(self, request: Request) -> Journey | None:
        """The journey that this browser began; None if it began none, or brings what is none of ours."""
        text, _, mark = request.cookies.get(self._name, "").partition(".")
        if not hmac.compare_digest(mark.encode(), self._mark(text).encode()):
            return None
        try:
            return Journey.model_validate_json(base64.urlsafe_b64decode(text))
        except (ValueError, ValidationError):
            return None

    def drop(self, response: Response) -> None:
        """It is over, however it ended."""
        response.delete_cookie(
            self._name, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    def _mark(self, text: str) -> str:
        mark = self._marker.fingerprint(f"{_PURPOSE}\0{text}")
        return base64.urlsafe_b64encode(mark).rstrip(b"=").decode("ascii")

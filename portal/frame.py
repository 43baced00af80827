"""The frame around every request: its id, its time, safe headers, and an answer even when we fail."""

import re
import time
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from portal.metrics import Metrics
from portal.problems import internal_error
from portal.visit import SCOPE_KEY, Visit

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}


class Frame:
    """Pure ASGI, outermost of our own."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = Visit(request_id=_request_id(Headers(scope=scope)))
        scope[SCOPE_KEY] = visit
        answer = _Answer(send, visit)
        began = time.perf_counter()
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:
            if answer.status:
                raise
            failure = internal_error(Request(scope), error)
            await failure(scope, receive, answer.send)
        finally:
            self._metrics.count(
                scope["method"], _template(scope), answer.status, time.perf_counter() - began
            )


class _Answer:
    """The way back: notes the status and adds the headers that every answer carries."""

    def __init__(self, send: Send, visit: Visit) -> None:
        self._send = send
        self._visit = visit
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass one message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self._visit.request_id
            if self._visit.replayed:
                headers["Idempotency-Replayed"] = "true"
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


def _request_id(headers: Headers) -> str:
    """The caller's, if it is a plain one, so that both sides' logs meet; else a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid7().hex)


def _template(scope: Scope) -> str:
    """The route's pattern, never the path: ids and download links stay out of the metrics."""
    route: Any = scope.get("route")
    return getattr(route, "path", "unmatched")

"""What every API route has in common: who is asked first, how much is read, and how JSON is understood."""

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from fastapi import APIRouter, params
from fastapi.dependencies.models import Dependant
from fastapi.requests import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.types import Message

from models.errors import KeydeskError
from portal.auth import BEARER, Allow, Permission
from portal.problems import PROBLEM_RESPONSES
from portal.strict_json import parse

MAX_JSON_BYTES = 64 * 1024

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BodyTooLarge(KeydeskError):
    """More bytes than this door takes."""

    http_status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(
            "body_too_large", f"The body is larger than {limit // 1024} KiB.", limit_bytes=limit
        )


class WrongMediaType(KeydeskError):
    """The body is declared as something else than what this door reads."""

    http_status = 415

    def __init__(self, wanted: str) -> None:
        super().__init__("unsupported_media_type", f"Send the body as {wanted}.")


class _ReadRequest(Request):
    """A request whose body was read, within its limit, and parsed already."""

    def __init__(self, request: Request, raw: bytes, parsed: Any) -> None:
        super().__init__(request.scope, _replay(raw))
        self._raw, self._parsed = raw, parsed

    async def body(self) -> bytes:
        """The bytes as they came."""
        return self._raw

    async def json(self) -> Any:
        """The one value that the bytes mean."""
        return self._parsed


class DoorRoute(APIRoute):
    """First who, then how much, then what: nobody unknown makes us parse anything."""

    streams: ClassVar[bool] = False
    """Whether the route itself reads the body, and bounds it."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler behind the door."""
        handle = super().get_route_handler()
        asked = acts_of(self.dependant)
        is_form = self.body_field is not None and isinstance(
            self.body_field.field_info, params.Form
        )

        async def enter(request: Request) -> Response:
            for allowed in asked:
                assert isinstance(allowed, Allow), "a door asks for a token, never for a session"
                await allowed.admit(request, await BEARER(request))
            if request.method == "GET" or is_form or self.streams:
                return await handle(request)
            raw = await read_limited(request, MAX_JSON_BYTES)
            parsed = _parse(request, raw) if self.body_field is not None and raw else None
            return await handle(_ReadRequest(request, raw, parsed))

        return enter


class StreamRoute(DoorRoute):
    """A door for bodies that are larger than memory should hold."""

    streams = True


def door(tag: str, route_class: type[DoorRoute] = DoorRoute) -> APIRouter:
    """A router of API routes under /api/v1."""
    return APIRouter(
        prefix="/api/v1", tags=[tag], route_class=route_class, responses=PROBLEM_RESPONSES
    )


def acts_of(dependant: Dependant) -> list[Permission]:
    """The permissions that a route asks for, itself or through what it depends on."""
    own: list[Permission] = [dependant.call] if isinstance(dependant.call, Permission) else []
    return own + [found for inner in dependant.dependencies for found in acts_of(inner)]


async def read_limited(request: Request, limit: int) -> bytes:
    """The body; BodyTooLarge as soon as it is clear that it is longer than the limit."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise BodyTooLarge(limit)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def media_type(request: Request) -> str:
    """The body's declared type without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _parse(request: Request, raw: bytes) -> Any:
    if media_type(request) != "application/json":
        raise WrongMediaType("application/json")
    return parse(raw)


def _replay(raw: bytes) -> Callable[[], Coroutine[Any, Any, Message]]:
    async def receive() -> Message:
        return {"type": "http.request", "body": raw, "more_body": False}

    return receive

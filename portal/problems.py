"""Every failure as an RFC 9457 problem: one shape, a stable code, and nothing that the caller did not know."""

import traceback
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from models.errors import KeydeskError, Unauthenticated, Unavailable
from portal.problem_codes import PROBLEMS
from portal.signature import SignatureRefused
from portal.visit import visit_of

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
_POINTER_MAX = 200
_FRAMES_MAX = 12
_HTTP_CODES = {
    400: "malformed_json",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}

log = structlog.get_logger()


class FieldProblem(BaseModel):
    """One thing that is wrong with the input, and where."""

    pointer: str = Field(
        description="JSON pointer into the body, or `/query/…`, `/path/…`, `/header/…`."
    )
    detail: str


class Problem(BaseModel):
    """RFC 9457; `code` is stable, `detail` is for people, further members are the facts that decided."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Where the code is explained, `/problems/<code>`.")
    code: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="The request's id, as in the X-Request-Id header.")
    errors: list[FieldProblem] = Field(
        default_factory=list, description="With `invalid_request` and `invalid_event_data`."
    )


def _described(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": _described("The request was refused and nothing was changed; `code` says why."),
    "5XX": _described("It could not be done now; with 503, repeat it after `Retry-After` seconds."),
}


class InvalidFields(KeydeskError):
    """The input is well-formed but wrong, in these places."""

    http_status = 422

    def __init__(self, code: str, errors: list[FieldProblem]) -> None:
        super().__init__(
            code,
            "The input is not acceptable; `errors` says where and why.",
            errors=[error.model_dump() for error in errors],
        )


def database_unavailable() -> Unavailable:
    """What doors say while PostgreSQL is away."""
    return Unavailable(
        "database_unavailable",
        "The database does not answer. Repeat the request with the same Idempotency-Key: "
        "whatever became of this try, it is done once.",
        retry_after_s=RETRY_AFTER_S,
    )


def means_database_away(error: BaseException) -> bool:
    """Whether PostgreSQL did not answer, as opposed to refusing what it was asked."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, (OperationalError, InterfaceError, PoolTimeout))


def answer(request: Request, error: KeydeskError, status: int | None = None) -> Response:
    """The problem document of an expected failure, as a response."""
    body = document(request, error, status)
    return JSONResponse(body, body["status"], _headers(error), MEDIA_TYPE)


def document(request: Request, error: KeydeskError, status: int | None = None) -> dict[str, Any]:
    """The problem document of an expected failure."""
    return _facts(error) | {
        "type": f"/problems/{error.code}",
        "code": error.code,
        "title": PROBLEMS[error.code].title if error.code in PROBLEMS else error.code,
        "status": status or error.http_status,
        "detail": error.message,
        "instance": visit_of(request).request_id,
    }


def internal_error(request: Request, error: BaseException) -> Response:
    """The problem document of a fault of ours."""
    return answer(request, fault_of_ours(request, error))


def told(request: Request, error: Exception) -> KeydeskError:
    """The error itself where callers are told of it; else what they learn of a fault of ours."""
    if isinstance(error, KeydeskError) and (error.http_status < 500 or not error.permanent):
        return error
    return fault_of_ours(request, error)


def fault_of_ours(request: Request, error: BaseException) -> KeydeskError:
    """What a caller learns of it: its request id, which the log has too."""
    if means_database_away(error):
        return database_unavailable()
    log.error(
        "request_failed",
        request_id=visit_of(request).request_id,
        error=type(error).__name__,
        where=_where(error),
    )
    return KeydeskError("internal_error", "Something went wrong here; the fault is ours.")


def _where(error: BaseException) -> str:
    """The way to the fault without its words and values, which may be somebody's data."""
    steps = traceback.extract_tb(error.__traceback__)[-_FRAMES_MAX:]
    return " > ".join(f"{Path(step.filename).name}:{step.lineno} {step.name}" for step in steps)


def field_problems(errors: Any) -> list[FieldProblem]:
    """pydantic's findings without the values they were found in."""
    return [FieldProblem(pointer=_pointer(error["loc"]), detail=_detail(error)) for error in errors]


def install(app: FastAPI) -> None:
    """Make every failure of this app a problem; the frame adds the unexpected ones."""
    app.add_exception_handler(KeydeskError, _on_keydesk_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_keydesk_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, KeydeskError)
    return answer(request, told(request, error))


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if any(
        e["type"] == "missing" and e["loc"] == ("header", "Idempotency-Key") for e in error.errors()
    ):
        return answer(request, _key_missing(), 400)
    return answer(request, InvalidFields("invalid_request", field_problems(error.errors())))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(error.status_code, "invalid_request")
    response = answer(request, KeydeskError(code, PROBLEMS[code].meaning), error.status_code)
    response.headers.update(error.headers or {})
    return response


def _key_missing() -> KeydeskError:
    return KeydeskError(
        "idempotency_key_missing",
        "Send an Idempotency-Key header: any text that is new for this request, such as a UUID.",
    )


def _facts(error: KeydeskError) -> dict[str, Any]:
    facts: dict[str, Any] = jsonable_encoder(error.facts)
    return facts


def _headers(error: KeydeskError) -> dict[str, str]:
    headers = {}
    if "retry_after_s" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after_s"])
    if isinstance(error, Unauthenticated):
        challenge = "Standard-Webhooks" if isinstance(error, SignatureRefused) else "Bearer"
        headers["WWW-Authenticate"] = challenge
    return headers


def _pointer(loc: tuple[int | str, ...]) -> str:
    place = loc[1:] if loc and loc[0] == "body" else loc
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in place)
    return "".join(f"/{step}" for step in steps)[:_POINTER_MAX]


def _detail(error: Any) -> str:
    """The validator's sentence; ours without pydantic's prefix."""
    message: str = error["msg"]
    return message.removeprefix("Value error, ")

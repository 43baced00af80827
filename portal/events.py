"""The event door: signed CloudEvents are written down first, and acted upon afterwards."""

import hashlib
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from models.base import Value
from models.errors import Invalid
from models.event import EVENT_DATA, EventReceipt, EventType
from models.ids import Prefix, new_id
from portal import signature
from portal.auth import PUBLIC
from portal.cloud_event import STRUCTURED, IncomingEvent, peek_source, read_event
from portal.door import media_type, read_limited
from portal.problems import PROBLEM_RESPONSES, InvalidFields, field_problems
from portal.state import PortalState, State
from portal.strict_json import canonical
from storage import inbox
from storage.principal import event_source

MAX_EVENT_BYTES = 256 * 1024

PREFIXES = {
    EventType.ORDER_PLACED: Prefix.ORDER,
    EventType.CANCELLATION_REQUESTED: Prefix.CANCELLATION,
    EventType.CANCELLATION_WITHDRAWN: Prefix.DECISION,
    EventType.TICKET_DECIDED: Prefix.DECISION,
    EventType.TICKET_NOTED: Prefix.NOTE,
}
"""What the thing that an event brings about is called; its id is minted when the event is received."""

router = APIRouter(tags=["events"], responses=PROBLEM_RESPONSES)

_OPENAPI: dict[str, Any] = {
    "security": [],
    "parameters": [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
        for name in signature.HEADERS
    ],
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {
                "schema": {
                    "type": "object",
                    "required": ["specversion", "id", "source", "type", "data"],
                    "properties": {
                        "specversion": {"const": "1.0"},
                        "id": {"type": "string", "minLength": 1, "maxLength": 200},
                        "source": {"type": "string", "minLength": 1},
                        "type": {"enum": [kind.value for kind in EventType]},
                        "data": {"type": "object"},
                    },
                }
            }
        },
    },
}


@router.post(
    "/events",
    status_code=202,
    dependencies=[PUBLIC],
    summary="Take a signed event",
    openapi_extra=_OPENAPI,
)
async def receive_event(request: Request, state: State) -> EventReceipt:
    """A CloudEvent 1.0 with a Standard Webhooks signature; accepted also while Temporal is away."""
    signature.require_signed(request.headers)
    raw = await read_limited(request, MAX_EVENT_BYTES)
    kind = media_type(request)
    secrets = state.event_secrets.get(peek_source(kind, request.headers, raw), ())
    signature.verify(secrets, request.headers, raw, state.clock())
    event = read_event(kind, request.headers, raw)
    _require_bound(event, request.headers["webhook-id"])
    status = await run_in_threadpool(_write_down, state, event, _checked(event))
    state.relay.poke()
    return EventReceipt(id=event.id, status=status)


def _require_bound(event: IncomingEvent, message_id: str) -> None:
    """In binary mode the attributes are headers, which no signature covers: its id has to be the event's."""
    if event.binary and message_id != event.id:
        raise signature.invalid()


def _checked(event: IncomingEvent) -> Value:
    """The event's data as its type demands them."""
    if event.type not in set(EventType):
        raise Invalid("unknown_event_type", "Keydesk takes no events of this type.")
    try:
        return EVENT_DATA[EventType(event.type)].model_validate(event.data)
    except ValidationError as error:
        found = field_problems([e | {"loc": ("data", *e["loc"])} for e in _errors(error)])
        raise InvalidFields("invalid_event_data", found) from None


def _errors(error: ValidationError) -> list[dict[str, Any]]:
    return [dict(e) for e in error.errors(include_input=False, include_context=False)]


def _write_down(state: PortalState, event: IncomingEvent, data: Value) -> Any:
    with state.database.reading() as connection:
        if event_source(connection, event.source) is None:
            raise signature.invalid()
    meaning = canonical({"type": event.type, "data": event.data})
    return inbox.receive(
        state.database,
        source=event.source,
        event_id=event.id,
        event_type=event.type,
        body_sha256=hashlib.sha256(meaning).digest(),
        data=data.model_dump(mode="json"),
        resource_id=new_id(PREFIXES[EventType(event.type)]),
        received_at=state.clock(),
    )

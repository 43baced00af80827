"""asyncapi.json: every event that comes in or goes out: its data as the models have it, its signature, an example."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import models_json_schema

from integrations.webhook.signing import CONTENT_TYPE
from models.event import EVENT_DATA
from models.outgoing import OUTGOING_DATA, OutgoingEvent
from portal import signature
from portal.cloud_event import STRUCTURED
from portal.event_examples import INCOMING, OUTGOING
from portal.openapi import VERSION

_SCHEMAS = "#/components/schemas/"
_INCOMING, _OUTGOING = "receiveEvents", "deliverEvents"
_SIGNED = """\
Signed as Standard Webhooks say: `webhook-signature` holds `v1,` and the base64 of HMAC-SHA256 over
`<webhook-id>.<webhook-timestamp>.<body>`, by the secret's bytes (`whsec_` and base64); the body is the raw bytes.
While a secret is being changed there are several signatures with spaces between; one that fits is enough.
A timestamp that is more than five minutes off is refused. docs/events.md has programs that sign and verify."""


def describe() -> dict[str, Any]:
    """The description of both directions, as AsyncAPI 3.0."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Keydesk",
            "version": VERSION,
            "description": "What portals tell Keydesk, and what Keydesk tells endpoints and the feed"
            f" `GET /api/v1/events`: CloudEvents 1.0.\n\n{_SIGNED}",
        },
        "defaultContentType": STRUCTURED,
        "channels": {
            "events": {
                "address": "/events",
                "description": "The door for events of portals; answers 202 once one is written down.",
                "messages": _references(EVENT_DATA),
            },
            "endpoint": {
                "address": None,
                "description": "The URL of an endpoint that was registered at `/api/v1/endpoints`.",
                "messages": _references(OUTGOING_DATA),
            },
        },
        "operations": {
            _INCOMING: _operation("receive", "events", "Take an event of a portal."),
            _OUTGOING: _operation(
                "send",
                "endpoint",
                "Deliver an event, those of one subject in the order of `sequence`, at least once each.",
            ),
        },
        "components": {"messages": dict(_messages()), "schemas": _schemas()},
    }


def render() -> str:
    """The text of asyncapi.json."""
    return json.dumps(describe(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _references(kinds: Any) -> dict[str, Any]:
    return {str(kind): {"$ref": f"#/components/messages/{kind}"} for kind in kinds}


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    path = f"#/channels/{channel}"
    return {"action": action, "channel": {"$ref": path}, "summary": summary}


def _messages() -> Iterator[tuple[str, dict[str, Any]]]:
    for incoming, data in EVENT_DATA.items():
        example = {"specversion": "1.0", "id": "order-1733", "source": "partner-one-portal"}
        payload = example | {"type": incoming, "data": INCOMING[incoming]}
        yield (
            incoming,
            _message(incoming, data, "IncomingEvent", STRUCTURED, payload),
        )
    for outgoing, told in OUTGOING_DATA.items():
        payload = json.loads(OUTGOING[outgoing].body())
        yield outgoing, _message(outgoing, told, "OutgoingEvent", CONTENT_TYPE, payload)


def _message(
    kind: str, data: type[Any], envelope: str, content_type: str, example: dict[str, Any]
) -> dict[str, Any]:
    about = {"type": {"const": kind}, "data": {"$ref": f"{_SCHEMAS}{data.__name__}"}}
    payload = {"allOf": [{"$ref": f"{_SCHEMAS}{envelope}"}, {"properties": about}]}
    return {
        "name": kind,
        "title": data.__name__,
        "summary": (data.__doc__ or "").strip().partition("\n")[0],
        "contentType": content_type,
        "headers": {"$ref": f"{_SCHEMAS}SignedHeaders"},
        "payload": payload,
        "examples": [{"name": kind, "payload": example}],
    }


def _schemas() -> dict[str, Any]:
    read = [(data, "validation") for data in EVENT_DATA.values()]
    told = [(data, "serialization") for data in OUTGOING_DATA.values()]
    models: list[Any] = [*read, *told, (OutgoingEvent, "serialization")]
    _, found = models_json_schema(models, ref_template=_SCHEMAS + "{model}")
    schemas: dict[str, Any] = found["$defs"]
    # What is not known is left out, never null.
    for name in {data.__name__ for data in OUTGOING_DATA.values()} | {"OutgoingEvent"}:
        optional = set(schemas[name]["properties"]) - set(schemas[name].get("required", ()))
        for field in optional:
            _drop_null(schemas[name]["properties"][field])
    return schemas | {"IncomingEvent": _INCOMING_EVENT, "SignedHeaders": _HEADERS}


def _drop_null(field: dict[str, Any]) -> None:
    choices = [c for c in field.get("anyOf", ()) if c != {"type": "null"}]
    if len(choices) == 1:
        del field["anyOf"]
        field.update(choices[0])
    if field.get("default", "") is None:
        del field["default"]


_HEADERS = {
    "type": "object",
    "required": list(signature.HEADERS),
    "properties": {
        "webhook-id": {"type": "string", "description": "The same at every attempt."},
        "webhook-timestamp": {"type": "string", "pattern": "^[0-9]+$"},
        "webhook-signature": {"type": "string", "description": _SIGNED},
    },
}
_INCOMING_EVENT = {
    "type": "object",
    "description": "A CloudEvent 1.0 in structured mode; further attributes are allowed.",
    "required": ["specversion", "id", "source", "type", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 200},
        "source": {"type": "string", "minLength": 1},
        "type": {"type": "string"},
        "data": {"type": "object"},
    },
}

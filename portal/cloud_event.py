"""CloudEvents 1.0 as they come in over HTTP: the attributes we read, in structured or binary mode."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured
from cloudevents.core.exceptions import BaseCloudEventException, CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from models.base import Value
from models.errors import KeydeskError
from portal.strict_json import parse

STRUCTURED = "application/cloudevents+json"
_EVENT_ID = re.compile(r"[!-~]{1,200}")
_REQUIRED = ("specversion", "id", "source", "type")
_UNREADABLE = (
    BaseCloudEventException,
    CloudEventValidationError,
    ValueError,
    TypeError,
    AttributeError,
)


class NotACloudEvent(KeydeskError):
    """The request is something else."""

    http_status = 400

    def __init__(self, why: str) -> None:
        super().__init__("not_a_cloudevent", f"The request is no CloudEvent 1.0: {why}.")


class IncomingEvent(Value):
    """One event as its sender wrote it."""

    id: str
    source: str
    type: str
    data: Any
    binary: bool


def peek_source(content_type: str, headers: Mapping[str, str], raw: bytes) -> str:
    """Whose secret to check the signature by; nothing else is believed before that."""
    source = _attributes(content_type, headers, raw).get("source")
    if not isinstance(source, str):
        raise NotACloudEvent("it names no source")
    return source


def read_event(content_type: str, headers: Mapping[str, str], raw: bytes) -> IncomingEvent:
    """The event in a request whose signature is good."""
    attributes = _attributes(content_type, headers, raw)
    missing = [name for name in _REQUIRED if not isinstance(attributes.get(name), str)]
    if missing:
        raise NotACloudEvent(f"it lacks {', '.join(missing)}")
    if attributes["specversion"] != "1.0":
        raise NotACloudEvent("its specversion is not 1.0")
    if not _EVENT_ID.fullmatch(attributes["id"]):
        raise NotACloudEvent("its id is not 1 to 200 visible ASCII characters")
    binary = content_type != STRUCTURED
    event = _parse(headers, raw, binary=binary)
    return IncomingEvent(
        id=event.get_id(),
        source=event.get_source(),
        type=event.get_type(),
        data=event.get_data(),
        binary=binary,
    )


def _attributes(content_type: str, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
    """Read strictly, in either mode, so that no text has two meanings."""
    value = parse(raw)
    if content_type == STRUCTURED:
        if not isinstance(value, dict):
            raise NotACloudEvent("the body is no JSON object")
        return value
    if content_type != "application/json" or "ce-specversion" not in headers:
        raise NotACloudEvent(f"send {STRUCTURED}, or application/json with ce- headers")
    return {
        name.removeprefix("ce-"): unquote(text)
        for name, text in headers.items()
        if name.startswith("ce-")
    }


def _parse(headers: Mapping[str, str], raw: bytes, *, binary: bool) -> CloudEvent:
    read = from_binary if binary else from_structured
    try:
        event = read(HTTPMessage(dict(headers), raw), JSONFormat(), CloudEvent)
    except _UNREADABLE:
        raise NotACloudEvent("an attribute is not formed as CloudEvents 1.0 says") from None
    assert isinstance(event, CloudEvent)
    return event

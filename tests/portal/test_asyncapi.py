"""asyncapi.json describes what is really sent: every type, by schemas that its examples and real events obey."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from models.event import EVENT_DATA, EventType
from models.outgoing import OUTGOING_DATA, OutgoingType
from portal.event_examples import INCOMING, OUTGOING
from storage.engine import Database
from storage.policy import add_policies
from tests.factories import PLACED_AT, UNDOABLE, Story
from tests.fixtures.closing import close_statements
from tests.fixtures.endpoints import INTEGRATOR
from tests.fixtures.portal import Portal
from tests.fixtures.terms import undoable

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "asyncapi.json").read_text(encoding="utf-8")
)
MESSAGES = DOCUMENT["components"]["messages"]


def resolve(reference: str) -> Any:
    """What a reference within the document leads to."""
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for held in value.values():
            yield from references(held)
    if isinstance(value, list):
        for held in value:
            yield from references(held)


def validator(kind: str) -> Draft202012Validator:
    """Of the payload of one message."""
    return Draft202012Validator(MESSAGES[kind]["payload"] | {"components": DOCUMENT["components"]})


def test_it_has_the_parts_that_the_standard_wants() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert resolve(operation["channel"]["$ref"])["messages"]
    for message in MESSAGES.values():
        assert {"name", "contentType", "headers", "payload", "examples"} <= set(message)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 30
    assert [resolve(reference) for reference in found if not resolve(reference)] == []


def test_every_type_of_both_directions_has_a_message() -> None:
    channels = DOCUMENT["channels"]
    assert set(channels["events"]["messages"]) == set(EventType) == set(EVENT_DATA)
    assert set(channels["endpoint"]["messages"]) == set(OutgoingType) == set(OUTGOING_DATA)
    assert set(MESSAGES) == set(EventType) | set(OutgoingType)


@pytest.mark.parametrize("kind", MESSAGES)
def test_an_example_obeys_its_schema_and_another_types_data_do_not(kind: str) -> None:
    (example,) = MESSAGES[kind]["examples"]
    validator(kind).validate(example["payload"])
    assert not validator(kind).is_valid(example["payload"] | {"data": {"unknown": 1}})
    assert not validator(kind).is_valid(example["payload"] | {"type": "another.v1"})


def test_the_examples_are_what_the_models_take() -> None:
    for incoming, data in INCOMING.items():
        EVENT_DATA[incoming].model_validate_json(json.dumps(data))
    for outgoing, event in OUTGOING.items():
        OUTGOING_DATA[outgoing].model_validate_json(json.dumps(event.data))


async def test_what_is_told_obeys_the_schemas(portal: Portal, database: Database) -> None:
    with database.transaction() as connection:
        add_policies(connection, [undoable()])
    Story(database).buy().reveal().cancel().finish()
    Story(database).buy().replace()
    Story(database, sku=UNDOABLE).buy().request().decide().undo()
    close_statements(database, PLACED_AT.replace(day=28))
    feed = (await portal.get("/api/v1/events", INTEGRATOR)).json()["items"]
    assert len({item["type"] for item in feed}) == len(OutgoingType) - 1
    for item in feed:
        validator(item["type"]).validate(item)

"""The event door: signed, fresh and once, or refused by name."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary_event
from cloudevents.core.v1.event import CloudEvent
from pydantic import ValidationError
from sqlalchemy import select

from models.event import EVENT_DATA, EventType
from models.tables.column import table
from models.tables.record import InboxRow
from storage.engine import Database
from tests.factories import CUSTOMER, PER_LINE
from tests.fixtures.portal import HOUSE_SECRET, OLD_SECRET, SECRET, SOURCE, Portal, signed

Headers = dict[str, str]

STRUCTURED = "application/cloudevents+json"
ORDER = {
    "customer_id": CUSTOMER,
    "currency": "EUR",
    "lines": [{"sku": PER_LINE, "quantity": 1}],
    "placed_by": "usr_alice_admin",
}


def event(**changes: Any) -> dict[str, Any]:
    """A good event, with something else in place; None takes a member away."""
    good = {
        "specversion": "1.0",
        "id": "order-4711",
        "source": SOURCE,
        "type": "portal.order.placed.v1",
        "time": "2026-11-23T09:00:00Z",
        "datacontenttype": "application/json",
        "data": ORDER,
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def inbox(database: Database) -> list[Any]:
    """Every event that was written down."""
    with database.reading() as connection:
        return list(connection.execute(select(table(InboxRow))))


async def knock(portal: Portal, raw: bytes, **headers: str) -> Any:
    """Send bytes as an event."""
    return await portal.http.post(
        "/events", content=raw, headers={"Content-Type": STRUCTURED} | headers
    )


async def test_an_event_is_written_down_and_waits(portal: Portal, database: Database) -> None:
    answer = await portal.send(event())

    assert (answer.status_code, answer.json()) == (202, {"id": "order-4711", "status": "accepted"})
    (row,) = inbox(database)
    assert (row.source, row.event_id, row.status) == (SOURCE, "order-4711", "received")
    assert row.resource_id.startswith("ord_")
    assert row.data["lines"] == [{"sku": PER_LINE, "quantity": 1}]


async def test_the_same_event_again_is_a_duplicate(portal: Portal, database: Database) -> None:
    await portal.send(event())
    raw = json.dumps(event(time="2026-11-23T10:00:00Z"), indent=4, sort_keys=True).encode()
    again = await knock(portal, raw, **signed(raw, message_id="msg_2"))

    assert (again.status_code, again.json()["status"]) == (202, "duplicate")
    assert len(inbox(database)) == 1


@pytest.mark.parametrize(
    "changed",
    [
        event(data=ORDER | {"currency": "USD"}),
        event(
            type="portal.ticket.noted.v1", data={"ticket_id": "t", "written_by": "u", "text": "x"}
        ),
    ],
)
async def test_other_content_under_the_same_id_is_refused(
    portal: Portal, database: Database, changed: dict[str, Any]
) -> None:
    await portal.send(event())
    other = await portal.send(changed)

    assert (other.status_code, other.json()["code"]) == (409, "event_id_reused")
    assert [row.data["currency"] for row in inbox(database)] == ["EUR"]


async def test_ids_of_two_sources_do_not_meet(portal: Portal, database: Database) -> None:
    answers = [
        await portal.send(event()),
        await portal.send(event(source="house-portal"), HOUSE_SECRET),
    ]
    assert [answer.json()["status"] for answer in answers] == ["accepted", "accepted"]
    assert len(inbox(database)) == 2


async def test_many_at_once_are_one(portal: Portal, database: Database) -> None:
    answers = await asyncio.gather(*(portal.send(event()) for _ in range(8)))

    statuses = sorted(answer.json()["status"] for answer in answers)
    assert statuses == ["accepted", *["duplicate"] * 7]
    assert len(inbox(database)) == 1


async def test_binary_mode_says_the_same(portal: Portal, database: Database) -> None:
    message = to_binary_event(CloudEvent(_binary(), ORDER))
    headers = message.headers | signed(message.body, message_id="order-4711")
    accepted = await portal.http.post("/events", content=message.body, headers=headers)
    duplicate = await portal.send(event())

    assert (accepted.status_code, duplicate.json()["status"]) == (202, "duplicate")
    assert len(inbox(database)) == 1


async def test_in_binary_mode_the_signature_binds_the_id(still_portal: Portal) -> None:
    message = to_binary_event(CloudEvent(_binary() | {"id": "order-4712"}, ORDER))
    headers = message.headers | signed(message.body, message_id="order-4711")
    answer = await still_portal.http.post("/events", content=message.body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")


def _binary() -> dict[str, Any]:
    attributes = {k: v for k, v in event().items() if k not in ("data", "time")}
    return attributes | {"time": datetime(2026, 11, 23, 9, tzinfo=UTC)}


def test_data_of_one_type_are_data_of_no_other() -> None:
    """In binary mode the type is not signed: a changed one must not give the data another meaning."""
    samples: dict[EventType, dict[str, Any]] = {
        EventType.ORDER_PLACED: ORDER,
        EventType.CANCELLATION_REQUESTED: {
            "software_id": "s",
            "reason": "r",
            "requested_by": "u",
            "contact": {"name": "A", "email": "a@b.example", "phone": "+420601234567"},
        },
        EventType.CANCELLATION_WITHDRAWN: {"cancellation_id": "c", "withdrawn_by": "u"},
        EventType.TICKET_DECIDED: {"ticket_id": "t", "decided_by": "u", "verdict": "approved"},
        EventType.TICKET_NOTED: {"ticket_id": "t", "written_by": "u", "text": "x"},
    }
    assert set(samples) == set(EVENT_DATA)
    for kind, data in samples.items():
        EVENT_DATA[kind].model_validate(data)
        for other in set(EVENT_DATA) - {kind}:
            with pytest.raises(ValidationError):
                EVENT_DATA[other].model_validate(data)


async def test_old_and_new_secrets_are_good_while_they_rotate(portal: Portal) -> None:
    answers = [await portal.send(event(id=s[-4:]), s) for s in (SECRET, OLD_SECRET)]
    assert [answer.status_code for answer in answers] == [202, 202]


async def test_one_good_signature_among_several_is_enough(portal: Portal) -> None:
    raw = json.dumps(event()).encode()
    headers = signed(raw)
    headers["webhook-signature"] = f"v1a,xyz v1,AAAA {headers['webhook-signature']}"
    assert (await knock(portal, raw, **headers)).status_code == 202


GOOD = json.dumps(event()).encode()
UNKNOWN = json.dumps(event(source="nobody")).encode()
STRANGER = json.dumps(event(source="stranger")).encode()

# Each is made when its test runs: a header signed at import is stale five minutes into a run.
FORGERIES: dict[str, Callable[[Headers], tuple[bytes, Headers]]] = {
    "unsigned": lambda h: (GOOD, {}),
    "no id": lambda h: (GOOD, _without(h, "webhook-id")),
    "no timestamp": lambda h: (GOOD, _without(h, "webhook-timestamp")),
    "another's secret": lambda h: (GOOD, signed(GOOD, HOUSE_SECRET)),
    "another body": lambda h: (GOOD.replace(b"EUR", b"USD"), h),
    "white space added": lambda h: (GOOD + b" ", h),
    "another id": lambda h: (GOOD, h | {"webhook-id": "msg_2"}),
    "another time": lambda h: (GOOD, h | {"webhook-timestamp": str(int(h["webhook-timestamp"]) + 1)}),
    "a fraction of a second": lambda h: (GOOD, h | {"webhook-timestamp": h["webhook-timestamp"] + ".0"}),
    "no time": lambda h: (GOOD, h | {"webhook-timestamp": "soon"}),
    "an endless time": lambda h: (GOOD, h | {"webhook-timestamp": "9" * 40}),
    "empty signature": lambda h: (GOOD, h | {"webhook-signature": " "}),
    "half a signature": lambda h: (GOOD, h | {"webhook-signature": h["webhook-signature"][:20]}),
    "no version": lambda h: (GOOD, h | {"webhook-signature": h["webhook-signature"][3:]}),
    "another version": lambda h: (GOOD, h | {"webhook-signature": h["webhook-signature"].replace("v1", "v2")}),
    "an unknown source": lambda h: (UNKNOWN, signed(UNKNOWN)),
    "a source the book does not know": lambda h: (STRANGER, signed(STRANGER)),
}  # fmt: skip


def _without(headers: Headers, name: str) -> Headers:
    return {key: value for key, value in headers.items() if key != name}


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forgery_learns_nothing(still_portal: Portal, name: str) -> None:
    raw, headers = FORGERIES[name](signed(GOOD))
    answer = await knock(still_portal, raw, **headers)
    unsigned = await knock(still_portal, GOOD)

    assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
    assert _without_instance(answer) == _without_instance(unsigned)
    assert inbox(still_portal.state.database) == []


def _without_instance(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "instance"}


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_an_old_signature_is_stale(still_portal: Portal, minutes: int) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    answer = await knock(still_portal, GOOD, **signed(GOOD, at=at))
    forged = await knock(still_portal, GOOD, **signed(GOOD, HOUSE_SECRET, at=at))

    assert (answer.status_code, answer.json()["code"]) == (401, "signature_stale")
    assert forged.json()["code"] == "signature_invalid"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"type": "portal.order.eaten.v1"}, 422, "unknown_event_type"),
        ({"type": "keydesk.order.final.v1"}, 422, "unknown_event_type"),
        ({"data": {}}, 422, "invalid_event_data"),
        ({"data": []}, 422, "invalid_event_data"),
        ({"data": None}, 422, "invalid_event_data"),
        ({"data": ORDER | {"placed_by": "a\x00b"}}, 422, "invalid_event_data"),
        ({"data": ORDER | {"reference": "a\x00b"}}, 422, "invalid_event_data"),
        ({"data": ORDER | {"reference": "\u202egnp"}}, 422, "invalid_event_data"),
        ({"data": ORDER | {"total": 1}}, 422, "invalid_event_data"),
        ({"data": ORDER | {"lines": [{"sku": "x", "quantity": 0}]}}, 422, "invalid_event_data"),
        ({"data": ORDER | {"lines": [{"sku": "x", "quantity": 10**9}]}}, 422, "invalid_event_data"),
        ({"data": ORDER | {"lines": [{"sku": "x", "quantity": "1"}]}}, 422, "invalid_event_data"),
        ({"data": ORDER | {"lines": [{"sku": "x", "quantity": 0.5}]}}, 422, "invalid_event_data"),
        ({"specversion": "0.3"}, 400, "not_a_cloudevent"),
        ({"specversion": None}, 400, "not_a_cloudevent"),
        ({"id": None}, 400, "not_a_cloudevent"),
        ({"id": ""}, 400, "not_a_cloudevent"),
        ({"id": "a\x00b"}, 400, "not_a_cloudevent"),
        ({"id": "é"}, 400, "not_a_cloudevent"),
        ({"id": "x" * 201}, 400, "not_a_cloudevent"),
        ({"id": 7}, 400, "not_a_cloudevent"),
        ({"type": None}, 400, "not_a_cloudevent"),
        ({"type": ["x"]}, 400, "not_a_cloudevent"),
        ({"source": None}, 400, "not_a_cloudevent"),
        ({"source": {"a": 1}}, 400, "not_a_cloudevent"),
        ({"time": "yesterday"}, 400, "not_a_cloudevent"),
        ({"time": 5}, 400, "not_a_cloudevent"),
        ({"Extension-Name": "x"}, 400, "not_a_cloudevent"),
    ],
)
async def test_a_bad_event_gets_its_problem_and_is_not_kept(
    still_portal: Portal, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = await still_portal.send(event(**changes))

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if code == "invalid_event_data":
        assert all(error["pointer"].startswith("/data") for error in answer.json()["errors"])
    assert inbox(still_portal.state.database) == []


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"\xff", b'{"source": NaN}', b'{"source": "a", "source": "b"}', b"[" * 9999],
)
async def test_what_is_no_json_object_is_no_event(still_portal: Portal, raw: bytes) -> None:
    answer = await knock(still_portal, raw, **signed(GOOD))
    assert answer.status_code == 400
    assert answer.json()["code"] in ("malformed_json", "not_a_cloudevent")


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/cloudevents-batch+json"]
)
async def test_another_content_type_is_no_event(still_portal: Portal, kind: str) -> None:
    answer = await knock(still_portal, GOOD, **signed(GOOD), **{"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (400, "not_a_cloudevent")


async def test_an_oversized_event_is_refused(still_portal: Portal) -> None:
    raw = b" " * (256 * 1024) + GOOD
    declared = await knock(still_portal, raw, **signed(raw))

    async def chunks() -> Any:
        for _ in range(300):
            yield b" " * 1024

    streamed = await still_portal.http.post(
        "/events", content=chunks(), headers=signed(GOOD) | {"Content-Type": STRUCTURED}
    )
    for answer in (declared, streamed):
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_events_are_taken_while_temporal_is_away(
    portal_without_temporal: Portal, database: Database
) -> None:
    answer = await portal_without_temporal.send(event())
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    assert len(inbox(database)) == 1


async def test_without_a_database_no_event_is_taken(portal_without_database: Portal) -> None:
    answer = await portal_without_database.send(event())
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert int(answer.headers["Retry-After"]) > 0

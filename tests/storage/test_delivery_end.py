"""What comes of attempts: endpoints that are stopped in the open, started again, and sent to once more."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models.delivery import DeliveryStatus
from models.endpoint import DisabledReason, EndpointStatus
from models.notice import NoticeKind
from models.outgoing import OutgoingType
from models.tables.column import table
from models.tables.record import OutboxRow
from rules.endpoint import GIVE_UP_AFTER
from storage.delivery import plan_new
from storage.delivery_view import queue_test, requeue_one, requeue_since
from storage.endpoint import disable, enable
from storage.engine import Database
from storage.event import place_new
from storage.principal import principal_of
from storage.verify import verify
from tests.factories import OPERATOR
from tests.fixtures.deliveries import (
    NOW,
    SECOND,
    URL,
    claimed,
    drain,
    fail_until_disabled,
    planned,
    publish,
    record,
)
from tests.fixtures.endpoints import INTEGRATOR, deliveries_of, endpoint_row, register


@pytest.fixture
def person(database: Database) -> Any:
    def read(user_id: str) -> Any:
        with database.reading() as connection:
            return principal_of(connection, user_id)

    return read


@pytest.fixture(autouse=True)
def _book_is_right(database: Database) -> Iterator[None]:
    yield
    found = verify(database, NOW).breaches
    assert [(f.code, f.rows) for f in found if f.code.startswith("N")] == []


def test_three_days_without_an_answer_disable_an_endpoint_and_tell_its_people(
    database: Database,
) -> None:
    endpoint_id = register(database, f"{URL}hook?token=hidden", at=NOW)
    for order_id in ("ord_1", "ord_1", "ord_2"):
        publish(database, order_id)
    plan_new(database, NOW)

    ended = fail_until_disabled(database, endpoint_id)

    assert GIVE_UP_AFTER <= ended - NOW < GIVE_UP_AFTER + timedelta(hours=20)
    row = endpoint_row(database, endpoint_id)
    assert (row["disabled_reason"], row["failing_since"]) == (DisabledReason.FAILING, NOW)
    assert claimed(database, ended + timedelta(days=9)) == []
    told = _told(database)
    assert {INTEGRATOR, OPERATOR, "usr_alice_admin"} <= {one["recipient_id"] for one in told}
    assert {one["facts"]["host"] for one in told} == {"hooks.partner.example"}
    assert "hidden" not in str(told)


def _told(database: Database) -> list[Any]:
    outbox = table(OutboxRow)
    mails = select(outbox).where(outbox.c.kind == NoticeKind.ENDPOINT_DISABLED)
    with database.reading() as connection:
        return list(connection.execute(mails).mappings())


def test_one_event_that_is_never_taken_is_given_up_and_said_aloud(database: Database) -> None:
    endpoint_id = register(database, URL, at=NOW)
    poison = publish(database)
    waiting = publish(database)
    plan_new(database, NOW)
    at = NOW
    while endpoint_row(database, endpoint_id)["status"] == EndpointStatus.ACTIVE:
        publish(database, f"ord_{at:%d%H}")
        plan_new(database, at)
        for due in claimed(database, at):
            record(database, due, at, 500 if due.event.id == poison else 200)
        at += timedelta(hours=1)
    statuses = {row["event_id"]: row["status"] for row in deliveries_of(database, endpoint_id)}
    assert statuses.pop(poison) == DeliveryStatus.GIVEN_UP
    assert statuses.pop(waiting) == DeliveryStatus.PENDING
    assert _told(database) != []


def test_410_disables_at_once(database: Database) -> None:
    endpoint_id = register(database, URL, at=NOW)
    publish(database)
    plan_new(database, NOW)
    (due,) = claimed(database)
    record(database, due, NOW, 410)
    row = endpoint_row(database, endpoint_id)
    assert (row["status"], row["disabled_reason"]) == (EndpointStatus.DISABLED, DisabledReason.GONE)
    assert _told(database) != []


def test_what_happens_while_disabled_is_delivered_in_order_once_enabled(
    database: Database, person: Any
) -> None:
    endpoint_id = register(database, URL, at=NOW)
    publish(database)
    plan_new(database, NOW)
    fail_until_disabled(database, endpoint_id)
    publish(database)
    at = NOW + timedelta(days=30)
    plan_new(database, at)
    assert len(deliveries_of(database, endpoint_id)) == 1

    for _ in range(2):
        enable(database, endpoint_id, person(INTEGRATOR), at)
    plan_new(database, at)

    assert [sequence for _, sequence in drain(database, at)] == ["0000000001", "0000000002"]
    assert endpoint_row(database, endpoint_id)["failures"] == 0


def test_an_endpoint_stopped_by_hand_gets_nothing_and_tells_nobody(
    database: Database, person: Any
) -> None:
    endpoint_id = register(database, URL, at=NOW)
    publish(database)
    plan_new(database, NOW)
    disable(database, endpoint_id, person(INTEGRATOR), NOW)
    assert claimed(database) == []
    assert _told(database) == []
    assert endpoint_row(database, endpoint_id)["disabled_reason"] == DisabledReason.BY_HAND


def test_one_delivery_or_all_since_some_point_are_sent_once_more(
    database: Database, person: Any
) -> None:
    endpoint_id = register(database, URL, at=NOW)
    for order_id in ("ord_1", "ord_1", "ord_2"):
        publish(database, order_id)
        plan_new(database, NOW)
        drain(database)
    rows = deliveries_of(database, endpoint_id)
    caller = person(INTEGRATOR)

    assert requeue_one(database, endpoint_id, rows[1]["id"], caller, NOW) == 1
    assert drain(database) == [("ord_1", "0000000002")]
    assert requeue_since(database, endpoint_id, rows[0]["position"], caller, NOW) == 2
    assert sorted(drain(database)) == [("ord_1", "0000000002"), ("ord_2", "0000000001")]
    assert requeue_since(database, endpoint_id, NOW, caller, NOW) == 3
    again = drain(database)
    assert again.index(("ord_1", "0000000001")) < again.index(("ord_1", "0000000002"))
    assert requeue_since(database, endpoint_id, NOW + SECOND, caller, NOW) == 0
    assert deliveries_of(database, endpoint_id)[1]["attempts"] == 4


def test_a_test_goes_to_one_endpoint_once_and_is_in_no_feed(
    database: Database, person: Any
) -> None:
    endpoint_id, other = (register(database, URL, at=NOW) for _ in range(2))
    for _ in range(2):
        queue_test(database, endpoint_id, "dlv_test", person(INTEGRATOR), NOW)
    (due,) = claimed(database)
    assert (due.event.type, due.event.subject) == (OutgoingType.TEST, endpoint_id)
    assert record(database, due, NOW, 500) is DeliveryStatus.GIVEN_UP
    assert endpoint_row(database, endpoint_id)["failures"] == 0
    with database.transaction() as connection:
        place_new(connection)
    assert planned(database, other) == planned(database, endpoint_id)[1:] == []

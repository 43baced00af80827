"""Deliveries are planned for whom they are, and claimed in the order of their case."""

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, text

from models.delivery import DeliveryStatus
from models.ids import Prefix, new_id
from models.outgoing import OutgoingType
from models.tables.column import table
from models.tables.record import OutboxRow
from storage.delivery import AT_ONCE, LEASE, plan_new
from storage.engine import Database
from storage.verify import verify
from tests.factories import OPERATOR, OTHER_PARTNER, PARTNER
from tests.fixtures.deliveries import (
    NOW,
    SECOND,
    URL,
    claimed,
    drain,
    planned,
    publish,
    record,
)
from tests.fixtures.endpoints import deliveries_of, endpoint_row, register


@pytest.fixture(autouse=True)
def _book_is_right(database: Database) -> Iterator[None]:
    yield
    found = verify(database, NOW).breaches
    assert [(f.code, f.rows) for f in found if f.code.startswith("N")] == []


def test_an_endpoint_gets_what_happens_behind_its_start(database: Database) -> None:
    publish(database)
    endpoint_id = register(database, URL, at=NOW)
    later = [publish(database), publish(database, "ord_2")]
    assert planned(database, endpoint_id) == later
    assert planned(database, endpoint_id) == later


def test_a_partner_gets_its_own_events_and_the_house_all(database: Database) -> None:
    own = register(database, URL, at=NOW)
    house = register(database, URL, at=NOW, by=OPERATOR)
    mine, other = publish(database), publish(database, "ord_2", partner=OTHER_PARTNER)
    assert planned(database, own) == [mine]
    assert planned(database, house) == [mine, other]


def test_an_endpoint_gets_only_the_types_it_wants(database: Database) -> None:
    endpoint_id = register(database, URL, at=NOW, types=(OutgoingType.CREDIT_BOOKED,))
    publish(database)
    wanted = publish(database, kind=OutgoingType.CREDIT_BOOKED)
    assert planned(database, endpoint_id) == [wanted]


def test_no_event_is_lost_to_an_endpoint_made_at_the_same_time(database: Database) -> None:
    """Each event is before the start, thus in the feed, or is delivered; whoever was first."""
    meet = Barrier(12)

    def make(_: int) -> str:
        meet.wait()
        return register(database, URL, at=NOW)

    def tell(number: int) -> str:
        meet.wait()
        return publish(database, f"ord_{number}")

    def plan(_: int) -> None:
        meet.wait()
        plan_new(database, NOW)

    with ThreadPoolExecutor(12) as pool:
        plans = [pool.submit(plan, n) for n in range(4)]
        made = [pool.submit(make, n) for n in range(4)]
        told = [pool.submit(tell, n) for n in range(4)]
        [future.result() for future in plans]
    events = {future.result() for future in told}
    for endpoint_id in (future.result() for future in made):
        arrived = set(planned(database, endpoint_id))
        start = endpoint_row(database, endpoint_id)["starts_after"]
        outbox = table(OutboxRow)
        with database.reading() as connection:
            before = set(
                connection.execute(
                    select(outbox.c.id).where(outbox.c.feed_position <= start)
                ).scalars()
            )
        assert arrived | before == events
        assert not arrived & before


def test_an_event_that_commits_late_is_planned_too(database: Database) -> None:
    endpoint_id = register(database, URL, at=NOW)
    late = database.engine.connect()
    late.begin()
    event_id = new_id(Prefix.EVENT)
    late.execute(
        text(
            "INSERT INTO outbox (id, dedupe_key, channel, kind, order_id, partner_id, customer_id, facts,"
            " created_at, status, attempts, next_attempt_at) VALUES (:id, :id, 'event', 'keydesk.order.final.v1',"
            " 'ord_1', :partner, 'cus_1', '{}', :at, 'pending', 0, :at)"
        ),
        {"id": event_id, "partner": PARTNER, "at": NOW},
    )
    quick = publish(database, "ord_2")
    assert planned(database, endpoint_id) == [quick]
    late.commit()
    late.close()
    assert planned(database, endpoint_id) == [quick, event_id]


def test_a_claim_carries_all_that_a_delivery_needs(database: Database) -> None:
    endpoint_id = register(database, URL, at=NOW)
    event_id = publish(database)
    plan_new(database, NOW)
    (due,) = claimed(database)
    assert (due.endpoint_id, due.url, due.attempt) == (endpoint_id, URL, 1)
    assert (due.event.id, due.event.sequence) == (event_id, "0000000001")
    assert len(due.secrets) == 1


def test_the_events_of_a_case_go_one_after_the_other(database: Database) -> None:
    register(database, URL, at=NOW)
    for number in range(9):
        publish(database, f"ord_{number % 3}")
    plan_new(database, NOW)
    assert [due.event.sequence for due in claimed(database)] == ["0000000001"] * 3
    assert claimed(database) == []


def test_a_failing_event_holds_its_case_up_and_no_other(database: Database) -> None:
    register(database, URL, at=NOW)
    for order_id in ("ord_1", "ord_1", "ord_2", "ord_2"):
        publish(database, order_id)
    plan_new(database, NOW)
    first, second = claimed(database)
    record(database, first, NOW, 500)
    record(database, second, NOW)

    at = NOW + SECOND
    (third,) = claimed(database, at)
    assert (third.event.subject, third.event.sequence) == ("ord_2", "0000000002")
    record(database, third, at)
    assert claimed(database, at) == []
    assert drain(database, NOW + timedelta(minutes=1)) == [
        ("ord_1", "0000000001"),
        ("ord_1", "0000000002"),
    ]


def test_two_endpoints_do_not_wait_for_each_other(database: Database) -> None:
    dead, alive = (register(database, URL, at=NOW) for _ in range(2))
    for number in range(6):
        publish(database, f"ord_{number}")
    plan_new(database, NOW)
    for due in claimed(database):
        record(database, due, NOW, 500 if due.endpoint_id == dead else 200)
    drain(database, NOW)
    assert {row["status"] for row in deliveries_of(database, alive)} == {"delivered"}
    assert {row["status"] for row in deliveries_of(database, dead)} == {"pending"}


def test_a_failing_endpoint_is_tried_with_one_event_at_a_time(database: Database) -> None:
    register(database, URL, at=NOW)
    for number in range(10):
        publish(database, f"ord_{number}")
    plan_new(database, NOW)
    due = claimed(database)
    assert len(due) == AT_ONCE
    for one in due:
        record(database, one, NOW, None)
    assert claimed(database, NOW + SECOND) == []
    (probe,) = claimed(database, NOW + 10 * SECOND)
    record(database, probe, NOW + 10 * SECOND)
    assert len(claimed(database, NOW + 11 * SECOND)) == AT_ONCE


def test_workers_at_once_deliver_each_event_once_and_in_order(database: Database) -> None:
    endpoint_ids = [register(database, URL, at=NOW) for _ in range(3)]
    for number in range(60):
        publish(database, f"ord_{number % 5}")
    plan_new(database, NOW)
    arrived: dict[tuple[str, str], list[str]] = defaultdict(list)

    def work(_: int) -> None:
        empty = 0
        while empty < 20:
            due = claimed(database, limit=3)
            empty = 0 if due else empty + 1
            for one in due:
                arrived[one.endpoint_id, one.event.subject].append(one.event.sequence)
                record(database, one, NOW)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    in_order = [f"{number:010d}" for number in range(1, 13)]
    assert arrived == {(e, f"ord_{n}"): in_order for e in endpoint_ids for n in range(5)}


def test_a_claim_ends_with_its_lease_and_who_is_late_changes_nothing(database: Database) -> None:
    endpoint_id = register(database, URL, at=NOW)
    publish(database)
    plan_new(database, NOW)
    (late,) = claimed(database)
    assert claimed(database, NOW + LEASE - SECOND) == []
    (due,) = claimed(database, NOW + LEASE)
    assert due.attempt == 2
    assert due.event == late.event

    assert record(database, late, NOW + LEASE, 500) is DeliveryStatus.PENDING
    assert endpoint_row(database, endpoint_id)["failures"] == 0
    assert claimed(database, NOW + LEASE + SECOND) == []
    assert record(database, due, NOW + LEASE) is DeliveryStatus.DELIVERED
    assert drain(database, NOW + timedelta(days=9)) == []

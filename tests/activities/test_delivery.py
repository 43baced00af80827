"""The delivery of events: signed, in order, at least once, whatever receivers, the book or the worker do."""

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from standardwebhooks import Webhook
from temporalio.testing import ActivityEnvironment

from integrations.webhook.protocol import SendingFailed
from integrations.webhook.signing import new_secret
from models.delivery import DeliveryAttempt, DeliveryStatus
from models.outbox import DeliveryReport
from models.outgoing import OUTGOING_DATA, OutgoingType
from models.stuck import StuckKind
from models.tables.column import table
from models.tables.delivery import DeliveryAttemptRow
from storage.endpoint import rotate
from storage.engine import Database
from storage.event import read_feed
from storage.stuck import waiting
from tests.factories import Story
from tests.fixtures.endpoints import (
    INTEGRATOR,
    courier,
    deliver,
    deliveries_of,
    endpoint_row,
    register,
    sealed_secret,
)
from tests.fixtures.receiver import Got, Receiver, answer, endless, late, reset


def now() -> datetime:
    return datetime.now(UTC)


def attempts_of(database: Database, delivery_id: str) -> list[DeliveryAttempt]:
    made = table(DeliveryAttemptRow)
    query = select(made).where(made.c.delivery_id == delivery_id).order_by(made.c.number)
    with database.reading() as connection:
        rows = connection.execute(query).mappings()
        return [
            DeliveryAttempt(**{n: v for n, v in row.items() if n != "delivery_id"}) for row in rows
        ]


def due_now(database: Database) -> None:
    """Let everything pending be due, as if its wait, its lease and the endpoint's rest had passed."""
    with database.transaction() as connection:
        connection.execute(
            text(
                "UPDATE deliveries SET next_attempt_at = :at, leased_until = NULL WHERE status = 'pending'"
            ),
            {"at": now()},
        )
        connection.execute(text("UPDATE endpoints SET rests_until = :at"), {"at": now()})


async def test_a_receiver_gets_what_the_feed_has_signed_and_in_order(
    database: Database, receiver: Receiver
) -> None:
    secret = new_secret()
    register(database, receiver.url(), at=now(), secret=secret)
    story = Story(database).buy().cancel().finish()

    report = await deliver(database)

    assert report == DeliveryReport(sent=6)
    verified = [Webhook(secret).verify(got.body, got.headers) for got in receiver.got]
    assert [int(event["sequence"]) for event in verified] == [1, 2, 3, 4, 5, 6]
    placed = read_feed(database, story.person(INTEGRATOR), after=0, limit=50)
    assert [got.body for got in receiver.got] == [one.event.body() for one in placed]
    for got in receiver.got:
        assert got.headers["webhook-id"] == got.event.id
        assert got.headers["content-type"].startswith("application/cloudevents+json")
        OUTGOING_DATA[OutgoingType(got.event.type)].model_validate_json(_data(got))


def _data(got: Got) -> str:
    return json.dumps(json.loads(got.body)["data"])


@pytest.mark.parametrize(
    ("respond", "error"),
    [
        (answer(500, b"no\r\nmeans no"), "It answered 500."),
        (answer(302, location="http://127.0.0.1:1/"), "redirects are not followed"),
        (answer(404), "It answered 404."),
        (late(3), "There was no answer in time."),
        (reset, "Nothing came back"),
    ],
    ids=["500", "redirect", "404", "late", "reset"],
)
async def test_what_is_not_taken_is_tried_again_with_the_same_bytes(
    database: Database, receiver: Receiver, respond: Any, error: str
) -> None:
    endpoint_id = register(database, receiver.url(), at=now())
    Story(database).buy()
    receiver.respond = respond
    assert await deliver(database) == DeliveryReport(postponed=1)
    receiver.respond = answer(200, b"fine")
    due_now(database)
    assert await deliver(database) == DeliveryReport(sent=1)

    first, second = receiver.got
    assert (first.body, first.headers["webhook-id"]) == (
        second.body,
        second.headers["webhook-id"],
    )
    (row,) = deliveries_of(database, endpoint_id)
    failed, taken = attempts_of(database, row["id"])
    assert error in (failed.error or "")
    assert (taken.number, taken.status_code, taken.answer, taken.error) == (2, 200, "fine", None)
    assert endpoint_row(database, endpoint_id)["failures"] == 0


async def test_an_endless_answer_is_a_delivery(database: Database, receiver: Receiver) -> None:
    register(database, receiver.url(), at=now())
    Story(database).buy()
    receiver.respond = endless
    assert await deliver(database) == DeliveryReport(sent=1)


async def test_the_log_keeps_an_answer_short_and_clean(
    database: Database, receiver: Receiver
) -> None:
    endpoint_id = register(database, receiver.url(), at=now())
    Story(database).buy()
    receiver.respond = answer(500, b"key whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw= " + b"x" * 9000)
    await deliver(database)
    (row,) = deliveries_of(database, endpoint_id)
    (attempt,) = attempts_of(database, row["id"])
    assert attempt.answer is not None
    assert attempt.answer.startswith("key <removed> xxx")
    assert len(attempt.answer) == 300


async def test_a_slow_receiver_holds_up_no_other_and_gets_few_at_a_time(
    database: Database, receiver: Receiver
) -> None:
    slow = register(database, receiver.url(), at=now())
    for _ in range(6):
        Story(database).buy()
    receiver.respond = late(0.3)
    assert (await deliver(database)).sent == 6
    assert 1 < receiver.most_at_once <= 4
    assert {row["status"] for row in deliveries_of(database, slow)} == {DeliveryStatus.DELIVERED}


async def test_a_crash_between_sending_and_recording_sends_the_same_event_again(
    database: Database, receiver: Receiver
) -> None:
    def crash(point: str) -> None:
        if point == "record_attempt:before":
            raise ConnectionAbortedError(point)

    endpoint_id = register(database, receiver.url(), at=now())
    Story(database).buy()
    dying = Database(database.url, fault=crash)
    with pytest.raises(ConnectionAbortedError):
        await deliver(dying)
    dying.close()
    due_now(database)
    assert await deliver(database) == DeliveryReport(sent=1)

    assert len({(got.body, got.headers["webhook-id"]) for got in receiver.got}) == 1
    assert len(receiver.got) == 2
    (row,) = deliveries_of(database, endpoint_id)
    assert [attempt.number for attempt in attempts_of(database, row["id"])] == [2]


async def test_two_workers_share_the_work(database: Database, receiver: Receiver) -> None:
    register(database, receiver.url(), at=now())
    for _ in range(5):
        Story(database).buy().cancel()
    reports = await asyncio.gather(*(deliver(database) for _ in range(2)))
    assert sum(report.sent for report in reports) == 25
    assert len({got.event.id for got in receiver.got}) == len(receiver.got) == 25
    for subject in {got.event.subject for got in receiver.got}:
        numbers = [int(g.event.sequence) for g in receiver.got if g.event.subject == subject]
        assert numbers == [1, 2, 3, 4, 5]


async def test_while_a_secret_is_changed_both_sign(database: Database, receiver: Receiver) -> None:
    old, new = new_secret(), new_secret()
    endpoint_id = register(database, receiver.url(), at=now(), secret=old)
    story = Story(database).buy()
    caller = story.person(INTEGRATOR)
    made = sealed_secret(endpoint_id, new)
    rotate(database, endpoint_id, made, timedelta(hours=1), caller, now())
    await deliver(database)
    (got,) = receiver.got
    for secret in (old, new):
        Webhook(secret).verify(got.body, got.headers)

    last = new_secret()
    made = sealed_secret(endpoint_id, last)
    rotate(database, endpoint_id, made, timedelta(0), caller, now())
    story.cancel()
    await deliver(database)
    assert len(receiver.got[-1].headers["webhook-signature"].split()) == 1
    Webhook(last).verify(receiver.got[-1].body, receiver.got[-1].headers)


async def test_a_seal_that_does_not_open_is_no_failure_of_the_endpoint_and_nothing_is_sent(
    database: Database, receiver: Receiver
) -> None:
    endpoint_id = register(database, receiver.url(), at=now())
    Story(database).buy()
    with database.transaction() as connection:
        connection.execute(text("UPDATE endpoint_secrets SET wrapped_key = '\\x00'"))

    assert await deliver(database) == DeliveryReport(postponed=1)

    (row,) = deliveries_of(database, endpoint_id)
    (attempt,) = attempts_of(database, row["id"])
    assert attempt.error == "A fault of ours kept it from being sent: seal_broken."
    assert (row["status"], row["tries"], row["first_tried_at"]) == ("pending", 0, None)
    assert receiver.got == []
    endpoint = endpoint_row(database, endpoint_id)
    assert (endpoint["status"], endpoint["failures"]) == ("active", 0)
    with database.reading() as connection:
        found = waiting(connection, now() + timedelta(hours=1))
    assert endpoint_id in {s.subject for s in found if s.kind is StuckKind.DELIVERY_WAITING}


async def test_a_fault_of_ours_stays_with_its_delivery_and_tells_no_values(
    database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        async def send(self, *_: Any) -> Any:
            raise RuntimeError("secret inside")

    endpoint_id = register(database, receiver.url("/hook?token=hidden"), at=now())
    Story(database).buy()
    with caplog.at_level(logging.DEBUG):
        assert await deliver(database, sender=Broken()) == DeliveryReport(postponed=1)
    (row,) = deliveries_of(database, endpoint_id)
    (attempt,) = attempts_of(database, row["id"])
    assert attempt.error == "A fault of ours kept it from being sent: RuntimeError."
    assert row["id"] in caplog.text
    for private in ("secret inside", "hidden", "whsec_"):
        assert private not in caplog.text


async def test_a_stopping_worker_ends_the_round_and_lets_events_arrive(
    database: Database, receiver: Receiver
) -> None:
    endpoint_id = register(database, receiver.url(), at=now())
    Story(database).buy()
    receiver.respond = late(0.4)
    environment = ActivityEnvironment()
    running = asyncio.ensure_future(environment.run(courier(database).deliver_events))
    await receiver.called.wait()
    environment.worker_shutdown()
    assert await asyncio.wait_for(running, 5) == DeliveryReport(sent=1)
    assert deliveries_of(database, endpoint_id)[0]["status"] == DeliveryStatus.DELIVERED


async def test_an_unanswered_attempt_says_how_long_it_took(
    database: Database, receiver: Receiver
) -> None:
    class Silent:
        async def send(self, *_: Any) -> Any:
            await asyncio.sleep(0.05)
            raise SendingFailed("There was no answer in time.")

    endpoint_id = register(database, receiver.url(), at=now())
    Story(database).buy()
    await deliver(database, sender=Silent())
    (row,) = deliveries_of(database, endpoint_id)
    (attempt,) = attempts_of(database, row["id"])
    assert (attempt.status_code, attempt.answer) == (None, None)
    assert attempt.duration_ms >= 50

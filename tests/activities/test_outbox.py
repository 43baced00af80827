"""The delivery of mails: all that is due, each once, whatever the mail server, the book or the worker does."""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import OperationalError
from temporalio.testing import ActivityEnvironment

from integrations.notifier.directory import DirectoryNotifier
from integrations.notifier.protocol import LetterDelayed, LetterRefused
from models.notice import NoticeKind, OutboxStatus
from models.outbox import DeliveryReport
from models.tables.column import table
from models.tables.principal import UserRow
from storage.engine import Database
from storage.outbox import pending_count
from tests.fixtures.mail import Recorder
from tests.fixtures.notices import FACTS, outbox_row, queue
from tests.fixtures.outbox import LONG_AGO, activities, deliver, due_now


def files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*"))


async def test_one_mail_of_each_kind_is_sent_and_recorded(
    database: Database, tmp_path: Path
) -> None:
    ids = [queue(database, kind, at=LONG_AGO) for kind in NoticeKind]
    report = await deliver(
        database, DirectoryNotifier(tmp_path, "Keydesk <keydesk@k.example>"), run_s=4
    )
    assert report == DeliveryReport(sent=len(NoticeKind))
    assert len(files(tmp_path)) == len(NoticeKind)
    assert {outbox_row(database, i)["status"] for i in ids} == {OutboxStatus.SENT}
    assert all(outbox_row(database, i)["sent_at"] for i in ids)


async def test_a_mail_that_becomes_due_meanwhile_goes_out_at_once(database: Database) -> None:
    recorder = Recorder()
    running = asyncio.create_task(deliver(database, recorder, run_s=30))
    await asyncio.sleep(0.2)
    queue(database, at=datetime.now(UTC))
    await asyncio.wait_for(recorder.started.wait(), 20)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert len(recorder.sent) == 1


async def test_letters_go_out_side_by_side_but_not_all_at_once(database: Database) -> None:
    ids = {queue(database, at=LONG_AGO) for _ in range(40)}
    recorder = Recorder(takes_s=0.05)
    report = await deliver(database, recorder, run_s=4)
    assert recorder.ids() == Counter(ids)
    assert 2 < recorder.most_at_once <= 8
    assert report == DeliveryReport(sent=40)


async def test_two_workers_share_the_work(database: Database) -> None:
    ids = {queue(database, at=LONG_AGO) for _ in range(40)}
    recorder = Recorder(takes_s=0.02)
    reports = await asyncio.gather(*(deliver(database, recorder, run_s=1.2) for _ in range(2)))
    assert recorder.ids() == Counter(ids)
    assert sum(report.sent for report in reports) == 40


async def test_a_refused_letter_is_given_up_and_a_delayed_one_tried_again(
    database: Database,
) -> None:
    refused, delayed, fine = (queue(database, at=datetime.now(UTC)) for _ in range(3))
    recorder = Recorder()
    recorder.errors = {
        refused: LetterRefused("The mail server answered 550."),
        delayed: LetterDelayed("The mail server answered 451."),
    }
    assert await deliver(database, recorder) == DeliveryReport(sent=1, postponed=1, failed=1)
    assert recorder.ids() == {fine: 1}
    assert outbox_row(database, refused)["status"] == OutboxStatus.FAILED
    assert outbox_row(database, delayed)["last_error"] == "The mail server answered 451."
    recorder.errors = {}
    due_now(database)
    assert await deliver(database, recorder) == DeliveryReport(sent=1)
    row = outbox_row(database, delayed)
    assert (row["status"], row["attempts"], row["last_error"]) == (OutboxStatus.SENT, 2, None)


async def test_a_person_who_left_is_not_written_to(database: Database) -> None:
    notice_id = queue(database, at=LONG_AGO)
    users = table(UserRow)
    with database.transaction() as connection:
        connection.execute(
            update(users).where(users.c.id == "usr_alice_admin").values(active=False)
        )
    recorder = Recorder()
    assert await deliver(database, recorder) == DeliveryReport(failed=1)
    assert recorder.sent == []
    assert outbox_row(database, notice_id)["last_error"] == "The recipient is no longer active."


async def test_a_letter_that_cannot_be_written_stops_no_other(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    odd = queue(database, NoticeKind.WINDOW_CLOSING, at=now, window_closes_at="tomorrow-ish")
    none = queue(database, NoticeKind.WINDOW_CLOSING, at=now, window_closes_at=None)
    fine = queue(database, at=now)
    with caplog.at_level(logging.INFO):
        report = await deliver(database, recorder := Recorder())
    assert report == DeliveryReport(sent=1, postponed=2)
    assert recorder.ids() == {fine: 1}
    for notice_id in (odd, none):
        row = outbox_row(database, notice_id)
        assert row["status"] == OutboxStatus.PENDING
        assert "window_closing" in row["last_error"]
        assert "tomorrow-ish" not in row["last_error"]
        assert notice_id in caplog.text
    assert "tomorrow-ish" not in caplog.text


async def test_an_unknown_kind_and_a_bad_address_are_put_off_with_their_reason(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    unknown = queue(database, at=now, recipient_id="usr_bob_approver")
    misaddressed = queue(database, at=now)
    with database.transaction() as connection:
        connection.execute(
            text("UPDATE outbox SET kind = 'of_next_year' WHERE id = :id"), {"id": unknown}
        )
        connection.execute(
            text("UPDATE users SET email = 'alice at home' WHERE id = 'usr_alice_admin'")
        )
    with caplog.at_level(logging.INFO):
        assert await deliver(database, Recorder()) == DeliveryReport(postponed=2)
    assert "of_next_year" in outbox_row(database, unknown)["last_error"]
    assert outbox_row(database, misaddressed)["last_error"].endswith("not acceptable as to.")
    assert "alice at home" not in caplog.text


async def test_an_unforeseen_fault_of_a_notifier_stays_with_its_letter(database: Database) -> None:
    broken, fine = queue(database, at=datetime.now(UTC)), queue(database, at=datetime.now(UTC))
    recorder = Recorder()
    recorder.errors = {broken: RuntimeError("secret inside")}
    assert await deliver(database, recorder) == DeliveryReport(sent=1, postponed=1)
    assert recorder.ids() == {fine: 1}
    assert "secret inside" not in outbox_row(database, broken)["last_error"]


async def test_a_crash_between_sending_and_recording_sends_the_same_mail_again(
    database: Database, tmp_path: Path
) -> None:
    def crash(point: str) -> None:
        if point == "deliver_notice:before":
            raise ConnectionAbortedError(point)

    notice_id = queue(database, at=LONG_AGO)
    notifier = DirectoryNotifier(tmp_path, "keydesk@k.example")
    dying = Database(database.url, fault=crash)
    with pytest.raises(ConnectionAbortedError):
        await deliver(dying, notifier)
    dying.close()
    (first,) = files(tmp_path)
    written = first.read_bytes()
    due_now(database)
    assert await deliver(database, notifier) == DeliveryReport(sent=1)
    assert [path.read_bytes() for path in files(tmp_path)] == [written]
    assert outbox_row(database, notice_id)["attempts"] == 2


async def test_without_the_book_the_round_fails_and_the_next_one_goes_on(
    database: Database,
) -> None:
    queue(database, at=LONG_AGO)
    away = Database("postgresql+psycopg://postgres@/none?host=%2Fnonexistent")
    with pytest.raises(OperationalError):
        await deliver(away, Recorder())
    away.close()
    assert await deliver(database, Recorder()) == DeliveryReport(sent=1)


async def test_a_stopping_worker_ends_the_round_and_lets_letters_arrive(
    database: Database,
) -> None:
    notice_id = queue(database, at=LONG_AGO)
    environment, recorder = ActivityEnvironment(), Recorder(takes_s=0.5)
    running = asyncio.ensure_future(
        environment.run(activities(database, recorder, run_s=60).deliver_notices)
    )
    await recorder.started.wait()
    began = time.monotonic()
    environment.worker_shutdown()
    assert await running == DeliveryReport(sent=1)
    assert time.monotonic() - began < 2
    assert outbox_row(database, notice_id)["status"] == OutboxStatus.SENT


async def test_a_cancelled_round_ends_soon_and_lets_letters_arrive(database: Database) -> None:
    notice_id = queue(database, at=LONG_AGO)
    environment, recorder = ActivityEnvironment(), Recorder(takes_s=0.5)
    running = asyncio.ensure_future(
        environment.run(activities(database, recorder, run_s=60).deliver_notices)
    )
    await recorder.started.wait()
    began = time.monotonic()
    environment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 2
    assert outbox_row(database, notice_id)["status"] == OutboxStatus.SENT


async def test_a_letter_that_never_ends_does_not_hold_a_stopping_worker(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.round._LAST_WORDS_S", 0.2)
    queue(database, at=LONG_AGO)
    environment, recorder = ActivityEnvironment(), Recorder(takes_s=60)
    running = asyncio.ensure_future(
        environment.run(activities(database, recorder, run_s=60).deliver_notices)
    )
    await recorder.started.wait()
    environment.worker_shutdown()
    assert await asyncio.wait_for(running, 2) == DeliveryReport()
    assert pending_count(database) == 1


async def test_a_round_is_heard_of_while_it_runs(database: Database) -> None:
    queue(database, at=LONG_AGO)
    heard: list[DeliveryReport] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *details: heard.extend(details)
    await environment.run(activities(database, Recorder()).deliver_notices)
    assert heard[0] == DeliveryReport()
    assert heard[-1] == DeliveryReport(sent=1)


async def test_logs_name_the_mail_and_nothing_of_its_reader_or_content(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    notice_id = queue(database, at=LONG_AGO)
    recorder = Recorder()
    recorder.errors = {notice_id: LetterDelayed("The mail server answered 451.")}
    with caplog.at_level(logging.DEBUG):
        await deliver(database, recorder)
    assert f"Mail {notice_id} did not go out: The mail server answered 451." in caplog.text
    customer = str(FACTS[NoticeKind.ORDER_FULFILLED]["customer_name"])
    for private in ("alice@vltava-cloud.example", "Alice", customer):
        assert private not in caplog.text

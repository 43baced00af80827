"""Mails are claimed once, retried by plan and given up in the open, on a real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from models.notice import Channel, OutboxStatus
from models.tables.column import table
from models.tables.principal import UserRow
from models.tables.record import OutboxRow
from rules.outbox import FEWEST_ATTEMPTS, GIVE_UP_AFTER
from storage.engine import Database
from storage.outbox import (
    LEASE,
    claim_due,
    oldest_pending,
    pending_count,
    record_failure,
    record_sent,
)
from tests.fixtures.notices import outbox_row, queue

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
users = table(UserRow)


def change_alice(database: Database, **values: object) -> None:
    with database.transaction() as connection:
        connection.execute(update(users).where(users.c.id == "usr_alice_admin").values(**values))


def claimed(database: Database, at: datetime, limit: int = 10) -> list[str]:
    return [notice.id for notice in claim_due(database, at, limit)]


def test_a_claim_takes_what_is_due_oldest_first(database: Database) -> None:
    ids = [queue(database, at=NOW - age * SECOND) for age in (1, 3, 2)]
    queue(database, at=NOW + SECOND)
    assert claimed(database, NOW, 2) == sorted((ids[1], ids[2]))
    assert claimed(database, NOW, 2) == [ids[0]]
    assert claimed(database, NOW) == []


def test_a_claim_carries_all_that_a_letter_needs(database: Database) -> None:
    notice_id = queue(database, at=NOW)
    (notice,) = claim_due(database, NOW, 1)
    assert notice.id == notice_id
    assert notice.number == outbox_row(database, notice_id)["sequence"]
    assert notice.created_at == NOW
    assert notice.facts["order_number"] == 100001
    assert notice.recipient is not None
    assert notice.recipient.name == "Alice Adamová"
    assert notice.recipient.email == "alice@vltava-cloud.example"


def test_events_are_left_to_the_feed(database: Database) -> None:
    event = queue(database, at=NOW, channel=Channel.EVENT, recipient_id=None)
    assert claimed(database, NOW) == []
    assert pending_count(database) == 0
    assert oldest_pending(database) is None
    assert outbox_row(database, event)["status"] == OutboxStatus.PENDING


def test_a_claim_ends_with_its_lease(database: Database) -> None:
    notice_id = queue(database, at=NOW)
    assert claimed(database, NOW) == [notice_id]
    assert claimed(database, NOW + LEASE - SECOND) == []
    assert claimed(database, NOW + LEASE) == [notice_id]
    assert outbox_row(database, notice_id)["attempts"] == 2


def test_processes_that_claim_at_once_never_share_a_mail(database: Database) -> None:
    ids = {queue(database, at=NOW) for _ in range(60)}
    with ThreadPoolExecutor(8) as pool:
        rounds = list(pool.map(lambda _: claimed(database, NOW, 5), range(24)))
    taken = [notice_id for claim in rounds for notice_id in claim]
    assert sorted(taken) == sorted(ids)


def test_a_mail_that_another_process_is_claiming_is_passed_over(database: Database) -> None:
    held, free = queue(database, at=NOW), queue(database, at=NOW)
    outbox = table(OutboxRow)
    with database.transaction() as connection:
        connection.execute(select(outbox.c.id).where(outbox.c.id == held).with_for_update())
        assert claimed(database, NOW) == [free]


def test_the_address_is_the_one_of_the_moment_of_sending(database: Database) -> None:
    queue(database, at=NOW)
    change_alice(database, email="alice@new.example")
    (notice,) = claim_due(database, NOW, 1)
    assert notice.recipient is not None
    assert notice.recipient.email == "alice@new.example"


def test_a_person_who_left_gets_no_mail(database: Database) -> None:
    queue(database, at=NOW)
    change_alice(database, active=False)
    (notice,) = claim_due(database, NOW, 1)
    assert notice.recipient is None


def test_a_mail_to_nobody_is_claimed_without_recipient(database: Database) -> None:
    queue(database, at=NOW, recipient_id=None)
    (notice,) = claim_due(database, NOW, 1)
    assert notice.recipient is None


def test_what_was_sent_is_never_due_again(database: Database) -> None:
    notice_id = queue(database, at=NOW)
    claimed(database, NOW)
    record_sent(database, notice_id, NOW + SECOND)
    record_sent(database, notice_id, NOW + 9 * SECOND)
    row = outbox_row(database, notice_id)
    assert (row["status"], row["sent_at"]) == (OutboxStatus.SENT, NOW + SECOND)
    assert claimed(database, NOW + timedelta(days=9)) == []


def test_a_failure_that_comes_late_does_not_undo_a_sending(database: Database) -> None:
    notice_id = queue(database, at=NOW)
    record_sent(database, notice_id, NOW)
    status = record_failure(database, notice_id, "too late", permanent=True, at=NOW)
    assert status is OutboxStatus.SENT
    assert outbox_row(database, notice_id)["last_error"] is None


def test_a_transient_failure_waits_longer_each_time(database: Database) -> None:
    notice_id = queue(database, at=NOW)
    at, waits = NOW, []
    for _ in range(4):
        assert claimed(database, at) == [notice_id]
        status = record_failure(database, notice_id, "451", permanent=False, at=at)
        assert status is OutboxStatus.PENDING
        waits.append(outbox_row(database, notice_id)["next_attempt_at"] - at)
        at += waits[-1]
    assert waits == [seconds * SECOND for seconds in (5, 10, 20, 40)]
    assert outbox_row(database, notice_id)["last_error"] == "451"


def test_a_permanent_failure_ends_it_with_its_reason(database: Database) -> None:
    notice_id = queue(database, at=NOW)
    claimed(database, NOW)
    status = record_failure(database, notice_id, "550 5.1.1", permanent=True, at=NOW)
    row = outbox_row(database, notice_id)
    assert (status, row["status"]) == (OutboxStatus.FAILED, OutboxStatus.FAILED)
    assert row["last_error"] == "550 5.1.1"
    assert claimed(database, NOW + timedelta(days=9)) == []
    assert pending_count(database) == 0


def test_trying_ends_after_days(database: Database) -> None:
    notice_id = queue(database, at=NOW)
    at = NOW
    for _ in range(FEWEST_ATTEMPTS):
        claimed(database, at)
        record_failure(database, notice_id, "451", permanent=False, at=at)
        at += timedelta(hours=1)
    end = NOW + GIVE_UP_AFTER + SECOND
    assert claimed(database, end) == [notice_id]
    status = record_failure(database, notice_id, "451", permanent=False, at=end)
    assert status is OutboxStatus.FAILED


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        ("550 <jana@x.example>: no such user", "550 <address> no such user"),
        ("line one\r\nline two", "line one line two"),
        ("x" * 5000, "x" * 300),
    ],
)
def test_errors_are_kept_short_and_without_addresses(
    database: Database, error: str, kept: str
) -> None:
    notice_id = queue(database, at=NOW)
    record_failure(database, notice_id, error, permanent=True, at=NOW)
    assert outbox_row(database, notice_id)["last_error"] == kept


def test_what_waits_can_be_counted_and_dated(database: Database) -> None:
    assert (pending_count(database), oldest_pending(database)) == (0, None)
    ids = [queue(database, at=NOW + age * SECOND) for age in (2, 1, 3)]
    assert (pending_count(database), oldest_pending(database)) == (3, NOW + SECOND)
    record_sent(database, ids[1], NOW)
    record_failure(database, ids[2], "gone", permanent=True, at=NOW)
    assert (pending_count(database), oldest_pending(database)) == (1, NOW + 2 * SECOND)


def test_looking_for_mail_does_not_read_a_hundred_thousand_events(database: Database) -> None:
    queue(database, at=NOW)
    with database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO outbox (id, dedupe_key, channel, kind, order_id, partner_id,"
                " customer_id, facts, created_at, status, attempts, next_attempt_at)"
                " SELECT 'evt_' || n, 'evt_' || n, 'event', 'x', 'o', 'p', 'c', '{}', :at,"
                " 'pending', 0, :at FROM generate_series(1, 100000) AS n"
            ),
            {"at": NOW},
        )
        connection.execute(text("ANALYZE outbox"))
        connection.execute(text("SELECT pg_stat_reset_single_table_counters('outbox'::regclass)"))
    assert len(claim_due(database, NOW, 5)) == 1
    assert rows_read(database) < 50


def rows_read(database: Database) -> int:
    """What the claim's own connection has fetched from the table; it reports before it answers."""
    with database.transaction() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
    with database.transaction() as connection:
        read: int = connection.execute(
            text(
                "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables"
                " WHERE relname = 'outbox'"
            )
        ).scalar_one()
    return read

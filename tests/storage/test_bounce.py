"""A mail that came back is marked once, by a report about what we sent to its reader; others change nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from models.bounce import Bounce, BounceAction, BounceAnswer
from models.notice import Channel, OutboxStatus
from models.tables.column import table
from models.tables.principal import UserRow
from models.tables.record import AuditRow
from storage.bounce import take_bounce
from storage.engine import Database
from storage.outbox import claim_due, record_failure, record_sent
from tests.fixtures.notices import outbox_row, queue

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
ALICE = "alice@vltava-cloud.example"


def sent(database: Database) -> str:
    notice_id = queue(database, at=NOW)
    claim_due(database, NOW, 1)
    record_sent(database, notice_id, NOW)
    return notice_id


def bounce(
    notice_id: str, address: str = ALICE, action: str = "failed", code: str = "5.1.1"
) -> Bounce:
    return Bounce(
        notice_id=notice_id,
        action=BounceAction(action),
        code=code,
        addresses=frozenset({address}),
    )


def audited(database: Database, notice_id: str) -> list[tuple[str, dict[str, str]]]:
    audit = table(AuditRow)
    with database.reading() as connection:
        query = select(audit.c.action, audit.c.details).where(audit.c.subject_id == notice_id)
        return [tuple(row) for row in connection.execute(query.order_by(audit.c.id))]


def test_a_mail_that_came_back_is_marked_with_when_and_why(database: Database) -> None:
    notice_id = sent(database)

    assert take_bounce(database, bounce(notice_id), LATER) is BounceAnswer.TAKEN

    row = outbox_row(database, notice_id)
    assert (row["status"], row["sent_at"], row["bounced_at"]) == (OutboxStatus.BOUNCED, NOW, LATER)
    assert row["last_error"] == "It came back (5.1.1)."
    ((action, details),) = audited(database, notice_id)
    assert (action, details["code"]) == ("notice.bounced", "5.1.1")
    assert "@" not in str(details)
    assert claim_due(database, NOW + timedelta(days=9), 10) == ()


def test_one_report_twice_and_many_at_once_count_once(database: Database) -> None:
    notice_id = sent(database)
    with ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda _: take_bounce(database, bounce(notice_id), LATER), range(12))
        )
    assert sorted(answers) == [BounceAnswer.KNOWN] * 11 + [BounceAnswer.TAKEN]
    assert take_bounce(database, bounce(notice_id, action="delayed"), LATER) is BounceAnswer.KNOWN
    assert len(audited(database, notice_id)) == 1


def test_a_delay_is_noted_and_the_mail_stays_sent(database: Database) -> None:
    notice_id = sent(database)
    late = bounce(notice_id, action="delayed", code="4.4.1")

    assert take_bounce(database, late, LATER) is BounceAnswer.NOTED

    row = outbox_row(database, notice_id)
    assert (row["status"], row["bounced_at"]) == (OutboxStatus.SENT, None)
    assert row["last_error"] == "Late on its way (4.4.1)."
    assert take_bounce(database, bounce(notice_id), LATER) is BounceAnswer.TAKEN


@pytest.mark.parametrize("address", ["mallory@evil.example", "bob@keydesk.example", ""])
def test_a_report_about_somebody_else_changes_nothing(database: Database, address: str) -> None:
    notice_id = sent(database)
    assert take_bounce(database, bounce(notice_id, address), LATER) is BounceAnswer.FOREIGN
    assert outbox_row(database, notice_id)["status"] == OutboxStatus.SENT
    assert audited(database, notice_id) == []


def test_a_report_about_an_address_that_was_given_up_changes_nothing(database: Database) -> None:
    notice_id = sent(database)
    users = table(UserRow)
    with database.transaction() as connection:
        connection.execute(
            update(users).where(users.c.id == "usr_alice_admin").values(email="Alice@New.example")
        )
    assert take_bounce(database, bounce(notice_id), LATER) is BounceAnswer.FOREIGN
    fresh = bounce(notice_id, "alice@new.example")
    assert take_bounce(database, fresh, LATER) is BounceAnswer.TAKEN


def test_what_did_not_go_out_cannot_come_back(database: Database) -> None:
    waiting = queue(database, at=NOW)
    failed = queue(database, at=NOW)
    record_failure(database, failed, "550", permanent=True, at=NOW)
    event = queue(database, at=NOW, channel=Channel.EVENT, recipient_id=None)
    for notice_id in (waiting, failed, event, f"ntc_{0:032x}"):
        assert take_bounce(database, bounce(notice_id), LATER) is BounceAnswer.FOREIGN
    with database.reading() as connection:
        assert (
            connection.execute(
                text("SELECT count(*) FROM outbox WHERE bounced_at IS NOT NULL")
            ).scalar_one()
            == 0
        )

"""What the book says of a mail after whatever a mail server, or the death of a worker, did to it."""

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.notifier.smtp import SmtpNotifier
from models.bounce import Bounce, BounceAction, BounceAnswer
from models.notice import OutboxStatus
from models.outbox import DeliveryReport
from storage.bounce import take_bounce
from storage.engine import Database
from storage.outbox import LEASE
from tests.fixtures.mail import MailServer, serving
from tests.fixtures.notices import outbox_row, queue
from tests.fixtures.outbox import LONG_AGO, deliver, due_now

SENDER = "Keydesk <keydesk@keydesk.example>"
SENT, LATE, FAILED = (DeliveryReport(**{name: 1}) for name in ("sent", "postponed", "failed"))


@pytest.fixture
def server() -> Iterator[MailServer]:
    with serving() as started:
        yield started


def notifier(server: MailServer) -> SmtpNotifier:
    return SmtpNotifier("127.0.0.1", server.port, SENDER, starttls=False, timeout_s=0.5)


@pytest.mark.parametrize(
    ("rudeness", "report", "status", "told"),
    [
        ({"rude_at": "EHLO"}, LATE, OutboxStatus.PENDING, "cannot be used"),
        ({"rude_at": "MAIL"}, LATE, OutboxStatus.PENDING, "cannot be used"),
        ({"rude_at": "RCPT", "silent": True}, LATE, OutboxStatus.PENDING, "mail server"),
        ({"rude_at": "DATA"}, LATE, OutboxStatus.PENDING, "cannot be used"),
        ({"rude_at": "QUIT"}, SENT, OutboxStatus.SENT, None),
        ({"mail_answer": "550 5.7.1 not you"}, LATE, OutboxStatus.PENDING, "550 5.7.1"),
        ({"recipient_answer": "450 4.2.1 busy"}, LATE, OutboxStatus.PENDING, "450 4.2.1"),
        ({"recipient_answer": "550 5.1.1 nobody"}, FAILED, OutboxStatus.FAILED, "550 5.1.1"),
        ({"data_answer": "451 4.3.0 later"}, LATE, OutboxStatus.PENDING, "451 4.3.0"),
        ({"data_answer": "554 5.6.0 never"}, FAILED, OutboxStatus.FAILED, "554 5.6.0"),
    ],
)
async def test_the_book_says_what_the_server_did(
    database: Database,
    server: MailServer,
    rudeness: dict[str, Any],
    report: DeliveryReport,
    status: OutboxStatus,
    told: str | None,
) -> None:
    notice_id = queue(database, at=LONG_AGO)
    for name, value in rudeness.items():
        setattr(server, name, value)

    assert await deliver(database, notifier(server)) == report

    row = outbox_row(database, notice_id)
    assert (row["status"], row["attempts"]) == (status, 1)
    assert (told or "") in (row["last_error"] or "")
    assert (row["sent_at"] is None) == (status is not OutboxStatus.SENT)


async def test_a_grey_list_costs_one_wait(database: Database, server: MailServer) -> None:
    notice_id = queue(database, at=LONG_AGO)
    server.grey_list = True
    assert await deliver(database, notifier(server)) == LATE
    due_now(database)
    assert await deliver(database, notifier(server)) == SENT
    assert (outbox_row(database, notice_id)["attempts"], len(server.received)) == (2, 1)


async def test_a_mail_that_a_server_took_and_lost_stays_sent_until_it_is_reported(
    database: Database, server: MailServer
) -> None:
    notice_id = queue(database, at=LONG_AGO)
    server.loses = True
    assert await deliver(database, notifier(server)) == SENT
    late = outbox_row(database, notice_id)["sent_at"] + LEASE
    bounce = Bounce(
        notice_id=notice_id,
        action=BounceAction.FAILED,
        code="5.4.7",
        addresses=frozenset({"alice@vltava-cloud.example"}),
    )
    assert take_bounce(database, bounce, late) is BounceAnswer.TAKEN
    assert outbox_row(database, notice_id)["status"] == OutboxStatus.BOUNCED


async def test_a_death_between_the_servers_yes_and_the_record_sends_one_mail_twice(
    database: Database, server: MailServer
) -> None:
    """At least once, never silently not: the second has the Message-ID of the first, and mail programs show one."""

    def crash(point: str) -> None:
        if point == "deliver_notice:before":
            raise ConnectionAbortedError(point)

    notice_id = queue(database, at=LONG_AGO)
    dying = Database(database.url, fault=crash)
    with pytest.raises(ConnectionAbortedError):
        await deliver(dying, notifier(server))
    dying.close()
    assert outbox_row(database, notice_id)["status"] == OutboxStatus.PENDING
    due_now(database)
    assert await deliver(database, notifier(server)) == SENT
    assert server.message_ids() == [f"<{notice_id}@keydesk.example>"] * 2
    first, second = (message.as_bytes() for message in server.received)
    assert first == second

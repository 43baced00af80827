"""A case shows whom it told and who could not be reached; an operator sends the same mail again, once per request."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from models.errors import NotFound, Refused
from models.ids import Prefix
from models.notice import NoticeKind, OutboxStatus
from models.outbox import SentNotice
from models.principal import Principal
from models.receipt import Receipt
from models.stuck import StuckKind
from rules.outbox import GIVE_UP_AFTER
from storage.engine import Database
from storage.notice import list_notices, resend_notice
from storage.outbox import claim_due, record_failure, record_sent, record_skipped
from storage.principal import principal_of
from storage.stuck import waiting
from storage.verify import verify
from tests.factories import APPROVER, BUYER, OPERATOR, OTHER_APPROVER, OTHER_BUYER, Story
from tests.fixtures.inquiry import Inquiry
from tests.fixtures.notices import outbox_row
from tests.fixtures.worker import receipt

MINUTE = timedelta(minutes=1)


def person(database: Database, user_id: str) -> Principal:
    with database.reading() as connection:
        found = principal_of(connection, user_id)
    assert found is not None
    return found


def ticket_of(story: Story) -> str:
    with story.database.reading() as connection:
        query = text("SELECT id FROM tickets WHERE cancellation_id = :id")
        found: str = connection.execute(query, {"id": story.cancellation_id}).scalar_one()
    return found


def seen(database: Database, user_id: str, ticket_id: str, **page: int) -> list[SentNotice]:
    with database.reading() as connection:
        return list_notices(connection, person(database, user_id), ticket_id, **page)


def refused(story: Story) -> SentNotice:
    """The mail that asks an approver, and that a mail server has refused."""
    at = story.at + MINUTE
    asked = next(
        n for n in seen(story.database, OPERATOR, ticket_of(story)) if n.recipient_id == APPROVER
    )
    claim_due(story.database, at, 50)
    record_failure(
        story.database, asked.id, "The mail server answered 550 5.1.1.", permanent=True, at=at
    )
    return asked


def resend(story: Story, notice_id: str, request: Receipt | None = None) -> SentNotice:
    request = request or receipt(Prefix.ACT, story.at + 5 * MINUTE)
    return resend_notice(story.database, notice_id, person(story.database, OPERATOR), request)


def test_a_case_shows_who_was_told_and_who_could_not_be_reached(database: Database) -> None:
    story = Story(database).buy().request()
    asked = refused(story)

    mails = seen(database, OPERATOR, ticket_of(story))

    assert [mail.number for mail in mails] == sorted(mail.number for mail in mails)
    told = {(mail.kind, mail.recipient_id) for mail in mails}
    assert {
        (NoticeKind.CANCELLATION_RECEIVED, BUYER),
        (NoticeKind.APPROVAL_NEEDED, APPROVER),
        (NoticeKind.APPROVAL_NEEDED, OTHER_APPROVER),
    } <= told
    assert NoticeKind.ORDER_FULFILLED not in {mail.kind for mail in mails}, (
        "that is about the order"
    )
    (lost,) = (mail for mail in mails if mail.status is OutboxStatus.FAILED)
    assert (lost.id, lost.recipient_name) == (asked.id, "Bob Beránek")
    assert lost.last_error == "The mail server answered 550 5.1.1."
    assert "@" not in "".join(mail.model_dump_json() for mail in mails)


def test_a_refused_request_and_an_inquiry_show_their_mails_too(database: Database) -> None:
    inquiry = Inquiry(database).open()
    story = Story(database).buy().request()
    of_inquiry = seen(database, OPERATOR, inquiry.id)
    assert {mail.kind for mail in of_inquiry} == {NoticeKind.INQUIRY_OPENED}
    assert not {m.id for m in of_inquiry} & {
        m.id for m in seen(database, OPERATOR, ticket_of(story))
    }


def test_a_partners_people_see_the_mails_to_their_own_side(database: Database) -> None:
    story = Story(database).buy().request()
    readers = {mail.recipient_id for mail in seen(database, BUYER, ticket_of(story))}
    assert BUYER in readers
    assert not readers & {APPROVER, OTHER_APPROVER}
    with pytest.raises(NotFound):
        seen(database, OTHER_BUYER, ticket_of(story))


def test_the_list_comes_in_pages(database: Database) -> None:
    ticket_id = ticket_of(Story(database).buy().request())
    whole = seen(database, OPERATOR, ticket_id)
    first = seen(database, OPERATOR, ticket_id, limit=1)
    rest = seen(database, OPERATOR, ticket_id, after=first[0].number)
    assert [*first, *rest] == whole


def test_a_mail_sent_again_is_the_same_mail_with_tries_of_its_own(database: Database) -> None:
    story = Story(database).buy().request()
    asked = refused(story)

    again = resend(story, asked.id)

    at = story.at + 5 * MINUTE
    assert (again.status, again.attempts, again.next_attempt_at) == (OutboxStatus.PENDING, 0, at)
    due = {notice.id: notice for notice in claim_due(database, at, 50)}
    assert due[asked.id].created_at == asked.written_at
    assert verify(database, at).breaches == ()
    record_sent(database, asked.id, at + MINUTE)
    assert outbox_row(database, asked.id)["last_error"] is None


def test_an_old_mail_sent_again_is_neither_given_up_nor_stuck_at_once(database: Database) -> None:
    story = Story(database).buy().request()
    asked = refused(story)
    late = story.at + GIVE_UP_AFTER + timedelta(days=5)

    resend(story, asked.id, receipt(Prefix.ACT, late))

    claim_due(database, late, 50)
    status = record_failure(database, asked.id, "451", permanent=False, at=late)
    assert status is OutboxStatus.PENDING
    with database.transaction() as connection:
        connection.execute(text("UPDATE outbox SET next_attempt_at = :late"), {"late": late})
        found = waiting(connection, late)
    assert asked.id not in {stuck.subject for stuck in found}
    rows = {row.subject for breach in verify(database, late).breaches for row in breach.rows}
    assert asked.id not in rows


def test_one_request_sends_once_however_often_it_comes(database: Database) -> None:
    story = Story(database).buy().request()
    asked = refused(story)
    request = receipt(Prefix.ACT, story.at + 5 * MINUTE)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: resend(story, asked.id, request), range(8)))
    claim_due(database, request.received_at, 50)
    record_sent(database, asked.id, request.received_at)

    assert resend(story, asked.id, request).status is OutboxStatus.SENT
    with database.reading() as connection:
        audited = text("SELECT actor_id FROM audit WHERE action = 'notice.resent'")
        assert list(connection.execute(audited).scalars()) == [OPERATOR]


def test_what_waits_and_what_its_reader_does_without_is_not_sent_again(database: Database) -> None:
    story = Story(database).buy().request()
    asked = refused(story)
    resend(story, asked.id)
    with pytest.raises(Refused, match="pending"):
        resend(story, asked.id)
    record_skipped(database, asked.id)
    with pytest.raises(Refused, match="skipped"):
        resend(story, asked.id)
    for nothing in (f"ntc_{0:032x}", asked.id.replace("ntc", "evt")):
        with pytest.raises(NotFound):
            resend(story, nothing)


def test_a_mail_that_came_back_is_on_the_operators_list(database: Database) -> None:
    story = Story(database).buy().request()
    asked = refused(story)
    at = story.at + 2 * MINUTE
    with database.transaction() as connection:
        connection.execute(
            text("UPDATE outbox SET status = 'pending' WHERE id = :id"), {"id": asked.id}
        )
    record_sent(database, asked.id, at)
    with database.transaction() as connection:
        connection.execute(
            text("UPDATE outbox SET status = 'bounced', bounced_at = :at WHERE id = :id"),
            {"id": asked.id, "at": at},
        )
        (stuck,) = (s for s in waiting(connection, at) if s.kind is StuckKind.MAIL_BOUNCED)
    assert (stuck.subject, stuck.since) == (asked.id, at)
    assert APPROVER in stuck.why

"""Invitations: one token for one mail, good for one decision by its reader, and forged by nobody."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from integrations.cipher.ring import RingCipher, make_ring
from models.decision import DecisionAttempt, Verdict
from models.errors import Conflict
from models.ids import Prefix, new_id
from models.tables.column import table
from models.tables.invitation import InvitationUseRow
from models.tables.record import EffectRow, OutboxRow
from rules.invitation import LIFETIME
from storage.decision import attempts, note_attempt
from storage.engine import Database
from storage.invitation import decision_of_use, invitation_token, open_invitation
from tests.factories import APPROVER, BUYER, Story
from tests.fixtures.ring import CIPHER

_mails, _effects, _uses = table(OutboxRow), table(EffectRow), table(InvitationUseRow)


@pytest.fixture
def story(database: Database) -> Story:
    """A case that waits for a decision."""
    return Story(database).buy().request()


def _notice(database: Database, kind: str, reader: str) -> str:
    with database.reading() as connection:
        found = select(_mails.c.id).where(_mails.c.kind == kind, _mails.c.recipient_id == reader)
        notice_id: str = connection.execute(found).scalar_one()
    return notice_id


def _token(database: Database, notice_id: str) -> str | None:
    with database.reading() as connection:
        return invitation_token(connection, notice_id, CIPHER)


def _opens(database: Database, token: str, cipher: RingCipher = CIPHER) -> bool:
    with database.reading() as connection:
        return open_invitation(connection, token, cipher) is not None


def _attempt(story: Story, verdict: Verdict = Verdict.DECLINED) -> DecisionAttempt:
    return DecisionAttempt(
        id=new_id(Prefix.DECISION),
        cancellation_id=story.cancellation_id,
        actor_id=APPROVER,
        verdict=verdict,
    )


def test_it_stands_for_what_the_mail_was_about(story: Story) -> None:
    invitation = story.invitation().invitation

    with story.database.reading() as connection:
        mail = connection.execute(select(_mails).where(_mails.c.id == invitation.notice_id)).one()
        opened = connection.execute(
            select(_effects.c.id).where(_effects.c.key == f"{story.cancellation_id}/create_ticket")
        ).scalar_one()
    assert invitation.user_id == APPROVER
    assert invitation.ticket_id == mail.facts["ticket_id"]
    assert (invitation.cancellation_id, invitation.order_id) == (
        story.cancellation_id,
        story.order_id,
    )
    assert invitation.revision == opened
    assert invitation.expires_at == mail.created_at + LIFETIME


def test_every_sending_of_a_mail_carries_the_same_token(story: Story) -> None:
    notice_id = _notice(story.database, "approval_needed", APPROVER)
    first = _token(story.database, notice_id)
    story.reveal()
    assert first is not None
    assert _token(story.database, notice_id) == first
    assert len(first) == 43


def test_a_mail_that_asks_for_no_decision_has_none(story: Story) -> None:
    told = _notice(story.database, "cancellation_received", BUYER)
    assert _token(story.database, told) is None
    assert _token(story.database, "ntc_00000000000000000000000000000000") is None


def test_a_token_with_one_letter_changed_opens_nothing(story: Story) -> None:
    token = _token(story.database, _notice(story.database, "approval_needed", APPROVER))
    assert token is not None
    assert _opens(story.database, token)
    # The last letter carries four bits only; its others are ignored by every reader of base64.
    for place in range(len(token) - 1):
        other = "A" if token[place] != "A" else "B"
        assert not _opens(story.database, token[:place] + other + token[place + 1 :]), place


@pytest.mark.parametrize("token", ["", "x", "é" * 43, "A" * 43, "A" * 9999, "../..", "a b", "%00"])
def test_what_is_no_token_opens_nothing(story: Story, token: str) -> None:
    assert not _opens(story.database, token)


def test_a_token_of_another_house_opens_nothing(story: Story) -> None:
    token = _token(story.database, _notice(story.database, "approval_needed", APPROVER))
    assert token is not None
    assert not _opens(story.database, token, RingCipher(SecretStr(make_ring())))


def test_it_is_used_once_and_the_same_attempt_may_come_again(story: Story) -> None:
    use, attempt = story.invitation(), _attempt(story)
    for _ in range(2):
        note_attempt(story.database, attempt, None, story.at, use)
    with story.database.reading() as connection:
        assert decision_of_use(connection, use) == attempt.id

    other = _attempt(story, Verdict.APPROVED)
    with pytest.raises(Conflict, match="used for a decision"):
        note_attempt(story.database, other, None, story.at, use)

    with story.database.reading() as connection:
        noted = select(attempts.c.id).where(attempts.c.id == other.id)
        assert connection.execute(noted).one_or_none() is None


def test_of_many_at_once_one_attempt_gets_it(story: Story) -> None:
    use = story.invitation()

    def spend(number: int) -> bool:
        try:
            note_attempt(story.database, _attempt(story), None, story.at, use)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(spend, range(8))) == 1
    with story.database.reading() as connection:
        assert len(connection.execute(select(_uses)).all()) == 1
        assert len(connection.execute(select(attempts)).all()) == 1


def test_a_row_changed_behind_its_back_undoes_it(story: Story) -> None:
    token = _token(story.database, _notice(story.database, "approval_needed", APPROVER))
    assert token is not None
    with story.database.transaction() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        later = _mails.c.created_at + timedelta(days=365)
        connection.execute(_mails.update().values(created_at=later))
    assert not _opens(story.database, token)

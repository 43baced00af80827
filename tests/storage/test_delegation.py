"""Delegations in the book: who may act for whom, whose word it is, and nobody near the requester decides."""

import threading
from datetime import datetime, timedelta

import pytest

from models.decision import DecisionAttempt, DecisionRecord, Verdict
from models.delegation import Delegation, DelegationDraft
from models.errors import Conflict, Forbidden, Invalid, KeydeskError, NotFound
from models.ids import Prefix, new_id
from storage.approval import record_approval
from storage.cancellation_view import find_decision
from storage.decision import record_decision
from storage.delegation import make_delegation, revoke_delegation
from storage.engine import Database
from storage.policy import add_policies
from storage.verify import verify
from tests.factories import APPROVER, BOTH, BUYER, OPERATOR, OTHER_APPROVER, SEVERAL, Story
from tests.fixtures.terms import two_people

DAY = timedelta(days=1)


@pytest.fixture
def story(database: Database) -> Story:
    return Story(database).buy().request()


def lend(
    story: Story,
    approver: str = APPROVER,
    delegate: str = OTHER_APPROVER,
    *,
    by: str | None = None,
    begins_at: datetime | None = None,
    days: int = 1,
) -> Delegation:
    begins_at = begins_at or story.at - DAY / 2
    draft = DelegationDraft(
        approver_id=approver,
        delegate_id=delegate,
        begins_at=begins_at,
        ends_at=begins_at + days * DAY,
    )
    made_by = story.person(by or approver)
    return make_delegation(story.database, draft, new_id(Prefix.DELEGATION), made_by, story.at)


def attempt(story: Story, actor: str, behalf: str | None = None) -> DecisionAttempt:
    return DecisionAttempt(
        id=new_id(Prefix.DECISION),
        cancellation_id=story.cancellation_id,
        actor_id=actor,
        verdict=Verdict.APPROVED,
        on_behalf_of=behalf,
    )


def decide(story: Story, actor: str, behalf: str | None = None) -> DecisionRecord:
    return record_decision(story.database, story.step(), attempt(story, actor, behalf))


def test_a_delegate_decides_for_the_approver(story: Story) -> None:
    lend(story)

    assert decide(story, OTHER_APPROVER, APPROVER).recorded

    with story.database.reading() as connection:
        decision = find_decision(connection, story.cancellation_id)
    assert decision is not None
    assert (decision.decided_by, decision.on_behalf_of) == (OTHER_APPROVER, APPROVER)
    assert verify(story.database, story.at).breaches == ()


@pytest.mark.parametrize("state", ["none", "over", "not begun", "revoked", "the other way"])
def test_nobody_decides_for_another_without_a_delegation_that_holds(
    story: Story, state: str
) -> None:
    if state == "over":
        lend(story, begins_at=story.at - DAY + timedelta(minutes=1))
    if state == "not begun":
        lend(story, begins_at=story.at + DAY)
    if state == "revoked":
        made = lend(story)
        revoke_delegation(story.database, made.id, story.person(APPROVER), story.at)
    if state == "the other way":
        lend(story, OTHER_APPROVER, APPROVER)

    refused = decide(story, OTHER_APPROVER, APPROVER)

    assert (refused.recorded, refused.refusal_code) == (False, "not_a_delegate")
    assert decide(story, OTHER_APPROVER).recorded


@pytest.mark.parametrize(
    ("actor", "behalf", "code"),
    [
        (APPROVER, None, "acts_for_requester"),
        (APPROVER, BOTH, "own_request"),
        (OTHER_APPROVER, None, "acts_for_requester"),
        (OTHER_APPROVER, APPROVER, "acts_for_requester"),
    ],
)
def test_nobody_who_acts_for_the_requester_decides_through_the_chain(
    database: Database, actor: str, behalf: str | None, code: str
) -> None:
    """Dana asks; Bob acts for Dana and Carol for Bob, so that neither decides for anybody."""
    story = Story(database).buy().request(BOTH)
    with database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE delegations DISABLE TRIGGER fits")
        connection.exec_driver_sql(
            "INSERT INTO delegations (id, approver_id, delegate_id, begins_at, ends_at, made_by, made_at)"
            " VALUES ('dlg_1', %(a)s, %(b)s, %(from)s, %(to)s, %(a)s, %(from)s)",
            {"a": BOTH, "b": APPROVER, "from": story.at - DAY, "to": story.at + DAY},
        )
    lend(story)

    refused = decide(story, actor, behalf)

    assert (refused.recorded, refused.refusal_code) == (False, code)


def test_the_end_of_a_delegation_does_not_wash_clean(database: Database) -> None:
    story = Story(database).buy().request(BOTH)
    with database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE delegations DISABLE TRIGGER fits")
        connection.exec_driver_sql(
            "INSERT INTO delegations (id, approver_id, delegate_id, begins_at, ends_at, made_by, made_at)"
            " VALUES ('dlg_1', %(a)s, %(b)s, %(from)s, %(to)s, %(a)s, %(from)s)",
            {"a": BOTH, "b": APPROVER, "from": story.at - DAY, "to": story.at},
        )

    assert decide(story, APPROVER).refusal_code == "acts_for_requester"
    assert decide(story, OTHER_APPROVER).recorded


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((OTHER_APPROVER, APPROVER), (APPROVER, None)),
        ((APPROVER, None), (OTHER_APPROVER, APPROVER)),
        ((OTHER_APPROVER, APPROVER), (OTHER_APPROVER, None)),
    ],
)
def test_b_for_a_and_either_of_them_are_not_two(
    database: Database, first: tuple[str, str | None], second: tuple[str, str | None]
) -> None:
    with database.transaction() as connection:
        add_policies(connection, [two_people()])
    story = Story(database, sku=SEVERAL).buy().request()
    lend(story)

    answers = [
        record_approval(database, story.step(), attempt(story, *word)) for word in (first, second)
    ]

    assert [answer.recorded for answer in answers] == [True, False]
    assert answers[1].refusal_code == "already_approved"
    assert record_approval(database, story.step(), attempt(story, BOTH)).missing == 0


@pytest.mark.parametrize(
    ("approver", "delegate", "by", "error"),
    [
        (APPROVER, APPROVER, APPROVER, Invalid),
        (APPROVER, BUYER, APPROVER, Invalid),
        (APPROVER, BOTH, APPROVER, Invalid),  # Dana is the partner's, Bob the house's.
        (BUYER, APPROVER, BUYER, Invalid),
        (APPROVER, OPERATOR, OPERATOR, Invalid),
        (APPROVER, OTHER_APPROVER, OTHER_APPROVER, Forbidden),
        (APPROVER, OTHER_APPROVER, BOTH, Forbidden),
    ],
)
def test_who_may_not_act_for_whom(
    story: Story, approver: str, delegate: str, by: str, error: type[KeydeskError]
) -> None:
    with pytest.raises(error):
        lend(story, approver, delegate, by=by)


def test_an_operator_arranges_for_an_approver_who_is_away(story: Story) -> None:
    made = lend(story, by=OPERATOR)

    assert (made.made_by, made.approver_id) == (OPERATOR, APPROVER)
    with pytest.raises(NotFound):
        revoke_delegation(story.database, made.id, story.person(BOTH), story.at)


def test_a_time_is_lent_once_also_by_two_at_once(story: Story) -> None:
    gate, answers = threading.Barrier(2), list[object]()

    def press() -> None:
        gate.wait()
        try:
            answers.append(lend(story))
        except Conflict as refusal:
            answers.append(refusal.code)

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers.count("delegation_overlaps") == 1
    lend(story, begins_at=story.at + 10 * DAY)


def test_a_delegation_ends_no_earlier_than_what_was_decided_under_it(story: Story) -> None:
    made = lend(story)
    assert decide(story, OTHER_APPROVER, APPROVER).recorded

    earlier = story.at - timedelta(minutes=5)
    revoked = revoke_delegation(story.database, made.id, story.person(APPROVER), earlier)

    assert revoked.revoked_at is not None
    assert revoked.revoked_at > earlier
    assert verify(story.database, story.at).breaches == ()

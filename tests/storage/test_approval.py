"""Several approvals in the book: who counts, what the last one brings, and the same number in the rule and in SQL."""

import json
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from models.approval import AmountRule, ApprovalMode, ApprovalPlan, ApprovalRecord, ApprovalStage
from models.decision import DecisionAttempt, Verdict
from models.ids import Prefix, new_id
from models.money import Money
from storage.approval import approvals_of, record_approval
from storage.cancellation_view import find_cancellation, find_decision
from storage.engine import Database
from storage.policy import add_policies, policy_document
from storage.verify import verify
from tests.factories import APPROVER, BOTH, BUYER, OPERATOR, OTHER_APPROVER, SEVERAL, Story
from tests.fixtures.terms import two_people


@pytest.fixture
def story(database: Database) -> Story:
    with database.transaction() as connection:
        add_policies(connection, [two_people()])
    return Story(database, sku=SEVERAL).buy().request()


def attempt(story: Story, actor: str) -> DecisionAttempt:
    return DecisionAttempt(
        id=new_id(Prefix.DECISION),
        cancellation_id=story.cancellation_id,
        actor_id=actor,
        verdict=Verdict.APPROVED,
    )


def agree(story: Story, actor: str) -> ApprovalRecord:
    return record_approval(story.database, story.step(), attempt(story, actor))


def test_the_last_of_two_settles_for_the_lower_amount(story: Story) -> None:
    story.agree(APPROVER, 700)
    with story.database.reading() as connection:
        case = find_cancellation(connection, story.person(APPROVER), story.cancellation_id)
        assert case is not None
        assert find_decision(connection, story.cancellation_id) is None
    assert (case.approvals_needed, [one.approved_by for one in case.approvals]) == (2, [APPROVER])

    story.agree(OTHER_APPROVER)

    with story.database.reading() as connection:
        decision = find_decision(connection, story.cancellation_id)
    assert decision is not None
    assert decision.amount == Money(amount_minor=700, currency="EUR")
    assert decision.decided_by == OTHER_APPROVER
    assert verify(story.database, story.at).breaches == ()


@pytest.mark.parametrize(
    ("actor", "code"),
    [
        (APPROVER, "already_approved"),
        (BUYER, "not_an_approver"),
        (OPERATOR, "not_an_approver"),
        ("usr_sam_sales", "not_an_approver"),
    ],
)
def test_whoever_may_not_agree_is_told_why(story: Story, actor: str, code: str) -> None:
    story.agree(APPROVER)

    refused = agree(story, actor)

    assert (refused.recorded, refused.refusal_code) == (False, code)


def test_the_requester_is_none_of_the_two(database: Database) -> None:
    with database.transaction() as connection:
        add_policies(connection, [two_people()])
    story = Story(database, sku=SEVERAL).buy().request(BOTH)

    assert agree(story, BOTH).refusal_code == "own_request"


def test_a_retry_of_an_approval_is_the_same_approval(story: Story) -> None:
    first = attempt(story, APPROVER)

    answers = [record_approval(story.database, story.step(), first) for _ in range(2)]

    assert answers[0] == answers[1] == ApprovalRecord(recorded=True, missing=1)


def test_one_decline_settles_what_two_must_approve(story: Story) -> None:
    story.agree(APPROVER).decide(Verdict.DECLINED, OTHER_APPROVER)

    assert agree(story, BOTH).refusal_code == "not_waiting"
    assert verify(story.database, story.at).breaches == ()


def test_people_who_agree_at_once_count_one_by_one(story: Story) -> None:
    people = [APPROVER, OTHER_APPROVER, BOTH, APPROVER]
    steps = [(story.step(), attempt(story, actor)) for actor in people]
    gate, answers = threading.Barrier(len(people)), list[ApprovalRecord]()

    def press(place: int) -> None:
        gate.wait()
        answers.append(record_approval(story.database, *steps[place]))

    threads = [threading.Thread(target=press, args=(place,)) for place in range(len(people))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.missing for answer in answers if answer.recorded) == [0, 0, 1]
    with story.database.reading() as connection:
        given = approvals_of(connection, [story.cancellation_id])[story.cancellation_id]
    assert [one.number for one in given] == [1, 2, 3]
    assert len({one.approved_by for one in given}) == 3


RULES = st.builds(
    lambda mode, people: ApprovalPlan(
        mode=mode,
        stages=tuple(ApprovalStage(name="s", approvers=n) for n in people)
        if mode is ApprovalMode.STAGES
        else (),
    ),
    st.sampled_from(ApprovalMode),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
LIMITS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["EUR", "CZK"]), st.integers(1, 90), min_size=1), RULES
    ),
    max_size=3,
)


@pytest.fixture
def connection(empty_database: Database) -> Iterator[Connection]:
    with empty_database.reading() as found:
        yield found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(RULES, LIMITS, st.sampled_from(["EUR", "CZK", "USD"]), st.integers(1, 100))
def test_rule_and_database_ask_for_as_many_people(
    connection: Connection,
    own: ApprovalPlan,
    limits: list[tuple[dict[str, int], ApprovalPlan]],
    currency: str,
    minor: int,
) -> None:
    rules = tuple(
        AmountRule(
            mode=rule.mode,
            stages=rule.stages,
            up_to=tuple(Money(amount_minor=most, currency=unit) for unit, most in most_of.items()),
        )
        for most_of, rule in limits
    )
    # Plans that no file could hold are fine here: what counts is that both read them alike.
    plan = ApprovalPlan.model_construct(**dict(own) | {"by_amount": rules})
    terms = two_people().model_copy(update={"approval": plan})

    asked = connection.execute(
        text("SELECT keydesk_approvals_needed(CAST(:terms AS jsonb), :minor, :unit)"),
        {"terms": json.dumps(policy_document(terms)), "minor": minor, "unit": currency},
    ).scalar_one()

    assert asked == plan.rule_for(Money(amount_minor=minor, currency=currency)).approvals_needed

"""Replacements in the book: one leaked key for a new one, never beside a cancellation, never back to the pool."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from integrations.cipher.ring import RingCipher
from models.decision import Verdict
from models.errors import KeydeskError, NotFound, Refused
from models.ids import Prefix, new_id
from models.product_key import KeyActRequest, KeyState
from models.replacement import ReplacementAttempt, ReplacementStatus
from models.tables.column import table
from models.tables.product_key import ProductKeyRow
from models.tables.replacement import ReplacementRow
from storage.engine import Database
from storage.key_suspension import reinstate_single_key, suspend_single_key
from storage.product_key import choose_key
from storage.replacement import issue_key
from storage.replacement_decision import settle_replacement
from storage.software_view import find_software
from storage.verify import verify
from tests.factories import APPROVER, BOTH, BUYER, OPERATOR, OTHER_BUYER, PER_UNIT, Story
from tests.fixtures.ring import CIPHER
from tests.fixtures.sealed import opened

_keys, _replacements = table(ProductKeyRow), table(ReplacementRow)


@pytest.fixture
def story(database: Database) -> Story:
    return Story(database, sku=PER_UNIT, quantity=2).buy()


def states(story: Story) -> list[tuple[int, str]]:
    """Unit and state of every key of the line, in the order of their allocation."""
    with story.database.reading() as connection:
        found = select(_keys.c.unit_number, _keys.c.state).where(_keys.c.line_id == story.line_id)
        rows = connection.execute(found.order_by(_keys.c.unit_number, _keys.c.id)).all()
    return [(row.unit_number, row.state) for row in rows]


def status(story: Story) -> str:
    with story.database.reading() as connection:
        own = _replacements.c.id == story.replacement_id
        return str(connection.execute(select(_replacements.c.status).where(own)).scalar_one())


def move(
    act: Callable[..., Any], story: Story, unit_number: int = 1, reason: str = "Seen in a forum."
) -> None:
    """An operator's act on one key."""
    request = KeyActRequest(unit_number=unit_number, reason=reason)
    step = story.step(new_id(Prefix.ACT))
    act(story.database, request, story.software_id, step, story.person(OPERATOR))


def assert_book_is_right(story: Story) -> None:
    assert [(b.code, b.rows) for b in verify(story.database, story.at).breaches] == []


def test_every_step_leaves_the_book_right(story: Story) -> None:
    story.reveal()
    for step, after in (
        (story.request_replacement, [(1, "allocated"), (2, "allocated")]),
        (story.suspend_leaked, [(1, "suspended"), (2, "allocated")]),
        (story.settle, [(1, "suspended"), (2, "allocated")]),
        (story.issue, [(1, "revoked"), (1, "allocated"), (2, "allocated")]),
    ):
        step()

        assert states(story) == after
        assert_book_is_right(story)
    assert status(story) == ReplacementStatus.COMPLETED


def test_the_new_key_is_another_one_and_opens_for_its_holder(
    story: Story, cipher: RingCipher
) -> None:
    story.replace()

    with story.database.transaction() as connection:
        row = choose_key(connection, story.line_id, KeyActRequest(unit_number=1, reason="x"))
        ended = connection.execute(
            select(_keys).where(_keys.c.line_id == story.line_id, _keys.c.state == "revoked")
        ).one()
    assert opened(row, cipher) != opened(ended, cipher)
    assert row.state == KeyState.ALLOCATED


@pytest.mark.parametrize(
    ("verdict", "actor"),
    [
        (Verdict.DECLINED, APPROVER),
        (Verdict.WITHDRAWN, BUYER),
        (Verdict.EXPIRED, "usr_system"),
    ],
)
def test_without_an_approval_the_key_works_again(
    story: Story, verdict: Verdict, actor: str
) -> None:
    story.request_replacement().suspend_leaked().settle(verdict, actor)

    assert states(story) == [(1, "allocated"), (2, "allocated")]
    assert_book_is_right(story)


@pytest.mark.parametrize(
    ("actor", "verdict", "code"),
    [
        (BUYER, Verdict.APPROVED, "not_an_approver"),
        (OPERATOR, Verdict.APPROVED, "not_an_approver"),
        (OTHER_BUYER, Verdict.DECLINED, "not_an_approver"),
        (BOTH, Verdict.APPROVED, "own_request"),
        (BOTH, Verdict.DECLINED, "own_request"),
        (APPROVER, Verdict.WITHDRAWN, "forbidden"),
        (APPROVER, Verdict.EXPIRED, "forbidden"),
    ],
)
def test_who_may_not_settle_is_refused_and_nothing_changes(
    story: Story, actor: str, verdict: Verdict, code: str
) -> None:
    requester = BOTH if code == "own_request" else BUYER
    story.request_replacement(requester).suspend_leaked()
    attempt = ReplacementAttempt(id="dec_1", actor_id=actor, verdict=verdict)

    settled = settle_replacement(story.database, story.step(story.replacement_id), attempt)

    assert (settled.verdict, settled.refusal_code) == (None, code)
    assert status(story) == ReplacementStatus.PENDING_APPROVAL


def test_the_first_verdict_stands(story: Story) -> None:
    story.request_replacement().suspend_leaked().settle(Verdict.DECLINED)
    late = ReplacementAttempt(id="dec_late", actor_id=BOTH, verdict=Verdict.APPROVED)

    settled = settle_replacement(story.database, story.step(story.replacement_id), late)

    assert (settled.verdict, settled.decided_by) == (Verdict.DECLINED, APPROVER)


def test_a_dry_pool_changes_nothing(database: Database) -> None:
    story = Story(database, sku=PER_UNIT, quantity=20).buy()
    story.request_replacement().suspend_leaked().settle()

    issue = issue_key(database, story.step(story.replacement_id), CIPHER)

    assert (issue.issued, issue.missing_sku) == (False, PER_UNIT)
    assert status(story) == ReplacementStatus.APPROVED
    assert {state for unit, state in states(story) if unit == 1} == {"suspended"}
    assert_book_is_right(story)


def test_a_line_whose_key_was_replaced_is_cancelled_like_any_other(story: Story) -> None:
    story.replace().cancel().finish()

    assert {state for _, state in states(story)} == {"revoked"}
    assert_book_is_right(story)


def test_a_key_can_be_replaced_again(story: Story) -> None:
    story.replace()
    story.replacement_id = new_id(Prefix.REPLACEMENT)
    story.replace()

    assert states(story)[:3] == [(1, "revoked"), (1, "revoked"), (1, "allocated")]
    assert_book_is_right(story)


def test_a_replaced_key_is_found_by_its_id_only_and_shown_to_nobody(story: Story) -> None:
    story.replace()
    buyer = story.person(BUYER)

    with story.database.reading() as connection:
        item = find_software(connection, buyer, story.software_id)
        assert item is not None
        dead = next(key for key in item.keys if key.state is KeyState.REVOKED)
    with pytest.raises(Refused, match="revoked"):
        move_named(suspend_single_key, story, dead.id)


def move_named(act: Callable[..., Any], story: Story, key_id: str) -> None:
    request = KeyActRequest(key_id=key_id, reason="x")
    step = story.step(new_id(Prefix.ACT))
    act(story.database, request, story.software_id, step, story.person(OPERATOR))


def test_an_operator_suspends_and_reinstates_one_key(story: Story) -> None:
    move(suspend_single_key, story, 2)
    assert states(story) == [(1, "allocated"), (2, "suspended")]
    assert_book_is_right(story)
    with pytest.raises(Refused) as twice:
        move(suspend_single_key, story, 2)
    assert twice.value.code == "key_not_movable"

    move(reinstate_single_key, story, 2)

    assert states(story) == [(1, "allocated"), (2, "allocated")]
    assert_book_is_right(story)


def test_what_an_operator_suspended_stays_down_when_a_case_ends_without_a_credit(
    story: Story,
) -> None:
    move(suspend_single_key, story, 2)
    story.request().decide().suspend().compensate()
    assert states(story) == [(1, "allocated"), (2, "suspended")]
    assert_book_is_right(story)

    story.request_replacement().suspend_leaked().settle(Verdict.DECLINED)
    assert states(story) == [(1, "allocated"), (2, "suspended")]


def test_an_operator_lets_no_key_loose_that_a_case_suspended(story: Story) -> None:
    story.request_replacement().suspend_leaked()
    with pytest.raises(Refused) as open_replacement:
        move(reinstate_single_key, story)
    story.settle(Verdict.WITHDRAWN, BUYER).request().decide().suspend()
    with pytest.raises(Refused) as open_case:
        move(reinstate_single_key, story)

    assert open_replacement.value.code == "replacement_open"
    assert open_case.value.code == "cancellation_already_open"


def test_a_key_of_another_item_is_not_found(story: Story, database: Database) -> None:
    other = Story(database).buy()
    with database.reading() as connection:
        foreign = connection.execute(
            select(_keys.c.id).where(_keys.c.line_id == other.line_id)
        ).scalar_one()

    with pytest.raises(NotFound):
        move_named(suspend_single_key, story, foreign)


def _outcome(act: Callable[[], Any], start: Barrier) -> str:
    start.wait(10)
    try:
        act()
    except KeydeskError as refused:
        return refused.code
    return "done"


def test_a_cancellation_and_a_replacement_asked_for_at_once_never_both_stand(
    database: Database,
) -> None:
    for _ in range(8):
        story = Story(database, sku=PER_UNIT, quantity=1).buy()
        start = Barrier(2)
        acts: list[Callable[[], Any]] = [story.receive, story.request_replacement]
        with ThreadPoolExecutor(2) as pool:
            ends = [pool.submit(_outcome, act, start) for act in acts]
        outcomes = tuple(end.result() for end in ends)

        assert outcomes in {("done", "cancellation_already_open"), ("replacement_open", "done")}
        assert "K33" not in {breach.code for breach in verify(database, story.at).breaches}


def test_of_several_replacements_asked_for_at_once_one_stands(story: Story) -> None:
    others = [Story(story.database, sku=PER_UNIT, quantity=2) for _ in range(5)]
    for other in others:
        other.order_id, other.line_id = story.order_id, story.line_id
        other.software_id, other.at = story.software_id, story.at
    start = Barrier(5)

    with ThreadPoolExecutor(5) as pool:
        ends = [pool.submit(_outcome, other.request_replacement, start) for other in others]

    assert sorted(end.result() for end in ends) == ["done"] + ["replacement_open"] * 4


def test_a_declined_case_makes_way_for_a_replacement_and_the_other_way_round(story: Story) -> None:
    story.request().decide(Verdict.DECLINED)
    story.request_replacement().suspend_leaked().settle(Verdict.DECLINED)
    story.cancellation_id = new_id(Prefix.CANCELLATION)
    story.request()

    assert_book_is_right(story)

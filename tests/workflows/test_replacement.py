"""ReplacementWorkflow on a server that skips time, over the real book: endings, dry pool, a crash at the door."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from models.decision import Verdict
from models.errors import Conflict, Forbidden
from models.ids import Prefix, new_id
from models.replacement import Replacement, ReplacementAttempt, ReplacementStage, ReplacementStatus
from portal.relay import LEFT_BEHIND_AFTER, Relay
from storage.engine import Database
from tests.factories import APPROVER, BOTH, BUYER, OPERATOR, OTHER_APPROVER, PER_UNIT, Story
from tests.fixtures.counter import Counter
from tests.fixtures.pool import fill_pool
from tests.fixtures.trouble import Trouble
from tests.fixtures.worker import house
from tests.workflows import replacement_scenarios as told
from tests.workflows.replacement_scenarios import ask, process, reaching, settle
from workflows.replacement import ReplacementWorkflow

IN_STOCK = 20


@pytest.fixture
async def counter(
    time_skipping: WorkflowEnvironment, database: Database, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with house(time_skipping.client, database, tmp_path) as inside:
        yield Counter(inside, time_skipping)


async def outcome(counter: Counter, found: Replacement) -> str:
    return str((await process(counter, found).result())["status"])


@pytest.mark.parametrize(
    ("scenario", "status", "notice"),
    [
        (told.replacement_completed, ReplacementStatus.COMPLETED, "replacement_completed"),
        (told.replacement_declined, ReplacementStatus.DECLINED, "replacement_ended"),
        (told.replacement_withdrawn, ReplacementStatus.WITHDRAWN, "replacement_ended"),
        (told.replacement_expired, ReplacementStatus.EXPIRED, "replacement_ended"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_it_ends_as_people_or_time_decide(
    counter: Counter, scenario: told.Scenario, status: str, notice: str
) -> None:
    handle = await scenario(counter, Trouble())

    assert (await handle.result())["status"] == status
    assert counter.notices().count("replacement_needed") >= 1
    assert notice in counter.notices()
    assert await counter.breaches() == []


async def test_approvers_are_reminded_and_operators_told_before_the_deadline(
    counter: Counter,
) -> None:
    await told.replacement_reminded(counter, Trouble())

    with counter.database.reading() as connection:
        reminded = {row.step: set(row.people) for row in connection.execute(_REMINDED)}
    approvers = {APPROVER, BOTH, OTHER_APPROVER}
    assert reminded == {
        "remind_replacement:1": approvers,
        "remind_replacement:2": approvers,
        "remind_replacement:3": approvers | {OPERATOR},
    }
    assert await counter.breaches() == []


_REMINDED = text(
    "SELECT split_part(dedupe_key, '/', 2) AS step, array_agg(recipient_id) AS people"
    " FROM outbox WHERE kind = 'replacement_reminder' GROUP BY 1"
)


async def test_a_dry_pool_is_waited_for_and_needs_attention(counter: Counter) -> None:
    found = await ask(counter, await counter.buy(PER_UNIT, IN_STOCK))
    await settle(counter, found)
    await reaching(counter, found, ReplacementStage.WAITING_FOR_STOCK)
    await counter.clock.sleep(timedelta(days=9))
    state = await process(counter, found).query("status")
    assert state["needs_attention"] == f"No product key in stock for {PER_UNIT}."
    fill_pool(counter.database, PER_UNIT, 1)

    await Relay(counter.house.desk).wake_restocked(await counter.now())

    assert await outcome(counter, found) == ReplacementStatus.COMPLETED
    assert await counter.breaches() == []


async def test_a_second_verdict_is_told_whose_stands(counter: Counter) -> None:
    found = await ask(counter, await counter.buy(PER_UNIT, IN_STOCK))
    await settle(counter, found)

    with pytest.raises(Conflict, match=f"approved by {APPROVER}"):
        await settle(counter, found, Verdict.DECLINED, BOTH)


async def test_the_requester_is_refused_before_anything_is_written(counter: Counter) -> None:
    order = await counter.buy(PER_UNIT)
    found = await ask(counter, order)
    attempt = ReplacementAttempt(
        id=new_id(Prefix.DECISION), actor_id=BUYER, verdict=Verdict.APPROVED
    )

    with pytest.raises(WorkflowUpdateFailedError):
        await process(counter, found).execute_update(ReplacementWorkflow.settle, attempt)
    with pytest.raises(Forbidden):
        await settle(counter, found, Verdict.APPROVED, BUYER)

    await settle(counter, found, Verdict.DECLINED)
    assert await outcome(counter, found) == ReplacementStatus.DECLINED


async def test_a_request_whose_door_died_is_started_later(counter: Counter) -> None:
    at = await counter.now()
    story = Story(counter.database, placed_at=at, sku=PER_UNIT, quantity=1).buy()
    story.request_replacement()

    await Relay(counter.house.desk).start_left_behind(story.at + 2 * LEFT_BEHIND_AFTER)

    found = await counter.house.desk.replacements.find(
        counter.house.person(BUYER), story.replacement_id
    )
    await settle(counter, found)
    assert await outcome(counter, found) == ReplacementStatus.COMPLETED

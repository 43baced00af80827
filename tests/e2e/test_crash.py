"""A worker killed before and after the commit of every step of both processes leaves no trace in the end."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.outbox import OutboxActivities
from demo.keys import sample_keys
from demo.load import load_policies
from integrations.cipher.ring import RingCipher
from integrations.notifier.directory import DirectoryNotifier
from integrations.notifier.render import Renderer
from models.catalogue import Family
from models.ids import SYSTEM_USER
from models.key_import import KeyLine
from storage.engine import Database
from storage.key_import import add_keys
from storage.policy import add_policies
from storage.verify import verify
from tests.factories import PARTS, PER_LINE
from tests.fixtures.counter import eventually
from tests.fixtures.end_state import end_state, is_recorded, steps_of
from tests.fixtures.ring import CIPHER
from tests.fixtures.survivors import HURRIED, STORIES, Survivor
from tests.fixtures.terms import single_units, two_people, undoable
from tests.fixtures.trouble import Trouble
from tests.fixtures.victim import Victim, working
from tests.fixtures.worker import unmanned
from worker import build_worker
from workflows import steps

BEFORE, AFTER = "before", "after"
FAILING = {"compensated": ("book_credit",)}
ATTENTION = timedelta(seconds=15)
AT_ONCE = 8
SOON = {"remind_after": ["PT1S", "PT2S"], "escalate_after": "PT3S"}
LAST_WORDS_S = 60
MAY_WAIT = {"finalise_order"}
"""Steps that may look, conclude nothing and look again later: a worker can die at such a look too."""
CLOSINGS = {"find_due_accounts", "close_statement", "typeset_papers"}
NEVER_ALONE = {"deliver_notices", "deliver_events", *CLOSINGS, "keep_in_step"}
"""Activities of no case: test_outbox.py and test_delivery.py kill those who send, test_statement_crowd.py a closing.

The step of an outside desk has no worker killed: what it queued is proved in tests/storage/test_outside_ticket.py.
"""


@dataclass(frozen=True)
class Point:
    """Where a worker dies: in which story, at which step, on which side of its commit."""

    story: str
    step: str
    edge: str


@dataclass(frozen=True)
class Ground:
    """Where all stories are told: one book, one Temporal, a task queue for each."""

    database: Database
    temporal: WorkflowEnvironment
    mail: Path

    def survivor(self) -> Survivor:
        return Survivor(unmanned(self.temporal.client, self.database))

    @asynccontextmanager
    async def healthy(self, told: Survivor, story: str) -> AsyncIterator[None]:
        """A worker of this process on the story's queue; what cannot work in the story still cannot."""
        failing = Trouble(*FAILING.get(story, ()))
        database = Database(self.database.url, pool_size=2, fault=failing)
        async with self.worker(database, told.house.task_queue):
            yield
        database.close()

    def worker(self, database: Database, task_queue: str) -> Worker:
        notifier = DirectoryNotifier(self.mail, "keydesk@keydesk.test")
        outbox = OutboxActivities(database, notifier, Renderer("http://keydesk.test"))
        return build_worker(self.temporal.client, database, outbox, CIPHER, task_queue=task_queue)

    def victim(self, told: Survivor, story: str, crash_at: str) -> Victim:
        return Victim(
            database_url=self.database.url,
            temporal_address=self.temporal.client.service_client.config.target_host,
            task_queue=told.house.task_queue,
            mail=self.mail,
            crash_at=crash_at,
            failing=FAILING.get(story, ()),
            attention_after=ATTENTION,
        )


@pytest.fixture
def ground(
    database: Database,
    temporal_server: WorkflowEnvironment,
    cipher: RingCipher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Ground:
    """Keys for everybody, and one family under a policy whose days are seconds."""
    monkeypatch.setattr(steps, "ATTENTION_AFTER", ATTENTION)
    with database.transaction() as connection:
        add_policies(
            connection,
            [
                hurried_policy(),
                two_people(),
                undoable(approval={"undo_for": "PT1M"}),
                single_units(approval=SOON),
            ],
        )
        for sku in (PER_LINE, HURRIED, PARTS):
            keys = [SecretStr(key) for key in sample_keys(sku, 100, seed=7)]
            lines = [KeyLine(row=n, sku=sku, product_key=key) for n, key in enumerate(keys)]
            at = datetime.now(UTC)
            add_keys(connection, lines, cipher, at=at, by=SYSTEM_USER, reason="import")
    return Ground(database, temporal_server, tmp_path)


def hurried_policy() -> Any:
    [shipped] = [policy for policy in load_policies() if policy.family == Family.SUBSCRIPTION]
    document = shipped.model_dump(mode="json") | {
        "id": "pol_subscription_hurried",
        "version": 2,
        "effective_from": "2026-01-02T00:00:00Z",
        "refund_tiers": [{"type": "full", "expires_after": "PT8S"}],
        "remind_before_close": "PT4S",
        "approval": {
            "mode": "human",
            "remind_after": ["PT1S", "PT2S"],
            "escalate_after": "PT3S",
            "expire_after": "PT4S",
        },
    }
    return type(shipped).model_validate(document)


@pytest.mark.timeout(600)
async def test_no_crash_of_a_worker_at_any_step_changes_how_a_story_ends(ground: Ground) -> None:
    undisturbed = dict(
        zip(STORIES, await asyncio.gather(*(calmly(ground, name) for name in STORIES)), strict=True)
    )
    assert steps_without_a_story(ground, undisturbed) == set()

    points = crash_points(undisturbed)[::-1]  # the slow ones first
    limit = asyncio.Semaphore(AT_ONCE)
    states = await asyncio.gather(
        *(killed(ground, point, limit) for point in points), return_exceptions=True
    )

    damage = {
        point: state
        if isinstance(state, BaseException)
        else difference(undisturbed[point.story], state)
        for point, state in zip(points, states, strict=True)
    }
    assert {point: harm for point, harm in damage.items() if harm} == {}
    report = verify(ground.database, datetime.now(UTC))
    assert report.breaches == ()


async def calmly(ground: Ground, story: str) -> dict[str, list[Any]]:
    """How the story ends when nobody is killed."""
    told = ground.survivor()
    async with ground.healthy(told, story):
        await STORIES[story](told)
        return end_state(told)


async def killed(ground: Ground, point: Point, limit: asyncio.Semaphore) -> dict[str, list[Any]]:
    """How the story ends when its worker dies at this point and another one comes."""
    told = ground.survivor()
    async with limit:
        telling = asyncio.create_task(STORIES[point.story](told))
        step = named(point.step, told)
        try:
            await dies(ground.victim(told, point.story, f"{step}:{point.edge}"))
            recorded = is_recorded(told, step)
            waited = point.edge == AFTER and step in MAY_WAIT and not recorded
            assert waited or recorded == (point.edge == AFTER), "it died elsewhere"
            assert not telling.done(), "the story ended although its worker died"
        except BaseException:
            telling.cancel()
            raise
    async with ground.healthy(told, point.story):
        await telling
        return end_state(told)


def named(step: str, told: Survivor) -> str:
    """The step as this story names it, where its name holds the id of what somebody said."""
    said = {
        "ask_requester:<not>": told.question,
        "take_answer:<not>": told.reply,
        "record_approval:<dec>": told.decision,
        "record_undo:<act>": told.act,
    }
    if step not in said:
        return step
    return f"{step.partition(':')[0]}:{said[step].resource_id}"


async def dies(victim: Victim) -> None:
    """Run it until it is gone, and be sure that it was killed at its point and by nothing else."""
    with working(victim) as process:

        async def ended() -> bool:
            return process.exitcode is not None

        await eventually(ended, LAST_WORDS_S)
        assert process.exitcode == -signal.SIGKILL


def crash_points(undisturbed: dict[str, dict[str, list[Any]]]) -> list[Point]:
    """Both sides of every step; what another story did in the same words is not repeated."""
    seen: set[tuple[str, str]] = set()
    points = []
    for story, state in undisturbed.items():
        for effect in steps_of(state):
            if effect not in seen:
                points += [Point(story, effect[0], edge) for edge in (BEFORE, AFTER)]
        seen |= set(steps_of(state))
    return points


def steps_without_a_story(ground: Ground, undisturbed: dict[str, dict[str, list[Any]]]) -> set[str]:
    """Activities the worker offers that no story has as a step: whoever adds one tells a story with it."""
    worker = ground.worker(ground.database, "nobody")
    offered = {str(found.__name__) for found in worker.config()["activities"]}
    told = {step.partition(":")[0] for state in undisturbed.values() for step, _ in steps_of(state)}
    return offered - told - NEVER_ALONE


def difference(expected: dict[str, list[Any]], found: dict[str, list[Any]]) -> dict[str, Any]:
    """The facts that are not as they should be: expected and found."""
    return {
        name: (expected[name], found[name]) for name in expected if expected[name] != found[name]
    }

"""Random people at random doors of the real house, held against a small model; and planted faults that it finds.

`KEYDESK_DESK_WALKS=500 pytest tests/e2e/test_desk_model.py -k random` walks longer, and otherwise every time.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import text
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner

from demo.keys import sample_keys
from models.bulk_decision import BulkDecisionDraft
from models.cancellation import CancellationStatus
from models.ids import SYSTEM_USER
from models.key_import import KeyLine
from models.ticket import TicketStatus
from rules import ticket as ticket_rule
from rules.approval import may_decide
from storage import decision
from storage.approval import rule_of
from storage.engine import Database
from storage.key_import import add_keys
from storage.policy import add_policies
from tests.factories import APPROVER, BOTH, OTHER_APPROVER, OTHER_BUYER
from tests.fixtures.desk_acts import Act, Appoint, Decide, Opening, Rush, Say
from tests.fixtures.desk_model import AGENTS, PEOPLE
from tests.fixtures.desk_walk import SKUS, DeskWalk
from tests.fixtures.portal import portal_settings, serving
from tests.fixtures.ring import CIPHER
from tests.fixtures.stack import Clock, Stack
from tests.fixtures.terms import two_people, undoable
from tests.fixtures.worker import house
from workflows.cancellation_desk import CancellationDesk

WALKS = int(os.environ.get("KEYDESK_DESK_WALKS", "0"))
_WALKS_IN_SUITE = 12
_KEYS = max(500, 3 * WALKS)

OPENINGS = st.lists(
    st.builds(Opening, st.sampled_from(AGENTS), st.sampled_from(sorted(SKUS)), st.booleans()),
    min_size=2,
    max_size=3,
)
CASE, WHO = st.integers(0, 2), st.sampled_from(PEOPLE)
DECIDER = st.sampled_from([APPROVER, OTHER_APPROVER, BOTH]) | WHO
AGENT = st.sampled_from([*AGENTS, OTHER_BUYER]) | WHO
VERDICT = st.sampled_from(["approved", "declined"])
DOORS = ("api", "bulk", "event")
AMOUNT = st.sampled_from(["all", "less", "less", "more"])
STALE = st.sampled_from([False, False, False, True])
VERDICTS = st.lists(st.tuples(DECIDER, VERDICT | st.just("withdrawn")), min_size=2, max_size=4)
ACTS = st.lists(
    st.one_of(
        *(
            st.builds(Decide, CASE, DECIDER, VERDICT, st.just(door), AMOUNT, STALE)
            for door in DOORS
        ),
        st.builds(Say, CASE, DECIDER, st.sampled_from(["read", "ask", "undo"])),
        st.builds(Say, CASE, AGENT, st.sampled_from(["answer", "withdraw", "withdraw_by_event"])),
        st.builds(Say, CASE, WHO, st.sampled_from(["retry", "compensate"])),
        st.builds(Appoint, st.sampled_from([APPROVER, OTHER_APPROVER]), st.booleans()),
        st.builds(Rush, CASE, VERDICTS.map(tuple)),
    ),
    min_size=5,
    max_size=15,
)


class Ground:
    """The house that is walked over, and the loop it lives in."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.loop = asyncio.get_running_loop()

    async def explore(self, walks: int, *phases: Phase, derandomize: bool) -> None:
        """Play so many random walks; the first that goes wrong is made small and raised."""

        @settings(
            max_examples=walks,
            deadline=None,
            derandomize=derandomize,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        )
        @given(openings=OPENINGS, acts=ACTS)
        def play(openings: list[Opening], acts: list[Act]) -> None:
            walking = DeskWalk(self.stack).play(openings, acts)
            asyncio.run_coroutine_threadsafe(walking, self.loop).result()

        await asyncio.to_thread(play)


@pytest.fixture
async def ground(
    temporal_server: WorkflowEnvironment,
    database: Database,
    key_ring: SecretStr,
    shelf: Path,
    tmp_path: Path,
) -> AsyncIterator[Ground]:
    """Enough keys, terms for two people, a worker that a test can spoil, and a portal."""
    _stock(database)
    client = temporal_server.client
    address = client.service_client.config.target_host
    unsandboxed = UnsandboxedWorkflowRunner()
    async with house(client, database, tmp_path, workflow_runner=unsandboxed) as inside:
        made = portal_settings(database.url, shelf, key_ring, address)
        made = made.model_copy(update={"task_queue": inside.task_queue})
        async with serving(made) as portal:
            stack = Stack(portal.http, database, Clock(), portal)
            yield Ground(stack)


def _stock(database: Database) -> None:
    keys = [(sku, key) for sku in SKUS.values() for key in sample_keys(sku, _KEYS, 7)]
    lines = [
        KeyLine(row=row, sku=sku, product_key=SecretStr(key))
        for row, (sku, key) in enumerate(keys, start=1)
    ]
    with database.transaction() as connection:
        add_policies(connection, [two_people(), undoable()])
        at = datetime(2026, 1, 1, tzinfo=UTC)
        add_keys(connection, lines, CIPHER, at=at, by=SYSTEM_USER, reason="walks")


@pytest.mark.timeout(3600 if WALKS else 240)
async def test_random_people_at_random_doors_meet_what_the_model_says(ground: Ground) -> None:
    phases = (Phase.generate, Phase.shrink)
    await ground.explore(WALKS or _WALKS_IN_SUITE, *phases, derandomize=not WALKS)
    ground.stack.assert_book_is_right()


def _own_requests_decided(patch: pytest.MonkeyPatch, database: Database) -> None:
    """Nobody asks who asked: neither the process, nor the rule, nor the database."""

    def check(self: CancellationDesk, attempt: Any, verdict: Any) -> None:
        del attempt, verdict
        self._check_undecided()
        self._check_waiting()

    patch.setattr(CancellationDesk, "_check_decision", check)
    patch.setattr(
        "storage.approval.may_decide",
        lambda roles, **asked: may_decide(roles, **asked | {"requester_id": ""}),
    )
    with database.transaction() as connection:
        connection.execute(
            text("ALTER TABLE decisions DROP CONSTRAINT ck_decisions_not_the_requester")
        )


def _all_is_given_back(patch: pytest.MonkeyPatch, database: Database) -> None:
    """One person's approval for less gives all that was asked for; that of several is held by the database."""
    del database
    honest = decision._amount

    def amount(connection: Any, case: Any, attempt: Any) -> int | None:
        one_person = attempt.amount_minor and rule_of(case).approvals_needed == 1
        return case.requested_minor if one_person else honest(connection, case, attempt)

    patch.setattr(decision, "_amount", amount)


def _bulk_forgets_the_view(patch: pytest.MonkeyPatch, database: Database) -> None:
    del database
    honest = BulkDecisionDraft.draft_for
    patch.setattr(
        BulkDecisionDraft,
        "draft_for",
        lambda self, seen: honest(self, seen.model_copy(update={"revision": None})),
    )


def _partners_see_each_other(patch: pytest.MonkeyPatch, database: Database) -> None:
    del database
    patch.setattr("storage.cancellation_view.within", lambda query, rows, principal: query)


def _tickets_lie(patch: pytest.MonkeyPatch, database: Database) -> None:
    del database
    patch.setitem(ticket_rule._STATUSES, CancellationStatus.PENDING_APPROVAL, TicketStatus.RESOLVED)


FAULTS = [
    _own_requests_decided,
    _all_is_given_back,
    _bulk_forgets_the_view,
    _partners_see_each_other,
    _tickets_lie,
]


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__.strip("_"))
async def test_a_planted_fault_is_found(
    ground: Ground,
    plant: Callable[[pytest.MonkeyPatch, Database], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plant(monkeypatch, ground.stack.database)
    with pytest.raises(AssertionError):
        await ground.explore(60, Phase.generate, derandomize=True)

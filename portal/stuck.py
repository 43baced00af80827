"""The stuck detector: the process engine and the book, looked at together (I24)."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool
from temporalio.client import Client
from temporalio.service import RPCError

from integrations import stuck as engine
from integrations.temporal import is_away
from models.stuck import CaseRow, PendingStep, RunningCase, Stuck, StuckKind
from storage import stuck as book
from storage.engine import Database

LONG_LIVED = {
    "outbox": "the workflow that sends mails does not run",
    "deliveries": "the workflow that delivers events to endpoints does not run",
}
"""What never ends, and what it means when it does not run."""
_GRACE = timedelta(seconds=60)
_TASK_ATTEMPTS = 3
STEP_ATTEMPTS = 6
"""A step that has failed this often but for one has failed for about 15 seconds: see workflows/options.py."""

_REMEDY = {
    StuckKind.ENGINE_AWAY: "Start Temporal; nothing is lost, and what was accepted goes on by itself.",
    StuckKind.NO_WORKER: "Start a worker (keydesk worker); everything that waits goes on by itself.",
    StuckKind.WORKFLOW_MISSING: "The relay in the worker starts it within seconds; see that a worker runs.",
    StuckKind.WORKFLOW_ENDED: "Reset it to its first workflow task: what has happened is not repeated.",
    StuckKind.WORKFLOW_LEFT_OVER: "The case is over: read the workflow's history, then terminate it.",
    StuckKind.WORKFLOW_FAILING: "The code cannot go on with this history: roll back, or deploy a mended version.",
    StuckKind.STEP_FAILING: "Mend what the message names; the step repeats by itself.",
    StuckKind.STEP_UNCLAIMED: "No worker took the step: see that one runs on this task queue.",
}


async def find_stuck(
    database: Database,
    client: Client | None,
    task_queue: str,
    now: datetime,
    *,
    step_attempts: int = STEP_ATTEMPTS,
) -> list[Stuck]:
    """Everything that waits longer than it should; without an engine, what the book alone knows."""
    found = await run_in_threadpool(_read_waiting, database, now)
    if client is None:
        return [_away(), *found]
    try:
        return [*await _ask_engine(database, client, task_queue, now, step_attempts), *found]
    except (RPCError, RuntimeError) as error:
        if not is_away(error):
            raise
        return [_away(), *found]


async def _ask_engine(
    database: Database, client: Client, task_queue: str, now: datetime, step_attempts: int
) -> list[Stuck]:
    no_worker = await _no_worker(client, task_queue, now)
    disagreeing = await _disagreements(database, client, task_queue, now)
    suspects = await engine.suspects(client, task_queue)
    described = await engine.describe_all(client, suspects | LONG_LIVED.keys())
    waiting = [stuck for case in described.values() for stuck in judge(case, now, step_attempts)]
    return [*no_worker, *_missing(described), *disagreeing, *waiting]


async def _no_worker(client: Client, task_queue: str, now: datetime) -> list[Stuck]:
    polled_at = await engine.last_poll(client, task_queue)
    # A poll that finds nothing lasts a minute, and a second one may follow before this is noted.
    if polled_at is not None and now - polled_at < 2 * _GRACE:
        return []
    why = f"no worker asks the task queue {task_queue} for work"
    return [_stuck(StuckKind.NO_WORKER, task_queue, polled_at, why)]


def _missing(described: dict[str, RunningCase]) -> list[Stuck]:
    running = {name for name, case in described.items() if case.running}
    return [
        _stuck(StuckKind.WORKFLOW_MISSING, name, None, why)
        for name, why in LONG_LIVED.items()
        if name not in running
    ]


async def _disagreements(
    database: Database, client: Client, task_queue: str, now: datetime
) -> list[Stuck]:
    """Cases without their workflow, and workflows whose case is over; the engine's own word decides."""
    running = await engine.running_cases(client, task_queue)
    rows = {row.workflow_id: row for row in await run_in_threadpool(_read_open, database)}
    doubtful = running ^ rows.keys()
    described = await engine.describe_all(client, doubtful)
    again = {row.workflow_id: row for row in await run_in_threadpool(_read, database, doubtful)}
    return list(_disagree(doubtful, described, again, now))


def _disagree(
    doubtful: Iterable[str],
    described: dict[str, RunningCase],
    rows: dict[str, CaseRow],
    now: datetime,
) -> Iterator[Stuck]:
    for workflow_id in sorted(doubtful):
        case, row = described.get(workflow_id), rows.get(workflow_id)
        runs = case is not None and case.running
        if row is not None and now - row.since < _GRACE:
            continue
        if row is not None and not row.over and not runs:
            yield _without_workflow(row, case)
        if runs and (row is None or row.over):
            assert case is not None
            why = (
                f"it runs, but {row.subject} is {row.status}"
                if row
                else "no case in the book has it"
            )
            since = row.since if row else case.started_at
            yield _stuck(StuckKind.WORKFLOW_LEFT_OVER, workflow_id, since, why)


def _without_workflow(row: CaseRow, case: RunningCase | None) -> Stuck:
    if case is None:
        why = f"{row.subject} is {row.status}, but its workflow was never started"
        return _stuck(StuckKind.WORKFLOW_MISSING, row.workflow_id, row.since, why)
    why = f"{row.subject} is {row.status}, but its workflow has ended"
    return _stuck(StuckKind.WORKFLOW_ENDED, row.workflow_id, row.since, why)


def judge(case: RunningCase, now: datetime, step_attempts: int = STEP_ATTEMPTS) -> Iterator[Stuck]:
    """What keeps one running workflow from going on."""
    if not case.running:
        return
    if case.task_attempt > _TASK_ATTEMPTS:
        why = f"its workflow task failed {case.task_attempt - 1} times"
        yield _stuck(StuckKind.WORKFLOW_FAILING, case.workflow_id, case.task_scheduled_at, why)
    for step in case.steps:
        if step.attempt >= step_attempts and step.last_failure is not None:
            why = f"{step.name} failed {step.attempt - 1} times, last: {step.last_failure}"
            yield _stuck(StuckKind.STEP_FAILING, case.workflow_id, None, why)
        elif _is_unclaimed(step, now):
            why = f"{step.name} is scheduled and nobody takes it"
            yield _stuck(StuckKind.STEP_UNCLAIMED, case.workflow_id, step.scheduled_at, why)


def _is_unclaimed(step: PendingStep, now: datetime) -> bool:
    if step.started or step.scheduled_at is None:
        return False
    return now - step.scheduled_at > _GRACE


def _stuck(kind: StuckKind, subject: str, since: datetime | None, why: str) -> Stuck:
    return Stuck(kind=kind, subject=subject, since=since, why=why, remedy=_REMEDY[kind])


def _away() -> Stuck:
    return _stuck(StuckKind.ENGINE_AWAY, "temporal", None, "Temporal does not answer")


def _read_waiting(database: Database, now: datetime) -> list[Stuck]:
    with database.reading() as connection:
        return book.waiting(connection, now)


def _read_open(database: Database) -> list[CaseRow]:
    with database.reading() as connection:
        return book.open_cases(connection)


def _read(database: Database, workflow_ids: Iterable[str]) -> list[CaseRow]:
    with database.reading() as connection:
        return book.cases(connection, sorted(workflow_ids))

"""Judging what the process engine says: which waits are too long, and the words of the command."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from models.stuck import PendingStep, RunningCase, StuckKind
from portal.cli import app
from portal.stuck import STEP_ATTEMPTS, judge
from processes.ports import free_ports
from storage.engine import Database
from tests.factories import Story

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
runner = CliRunner()


def _case(*steps: PendingStep, **told: object) -> RunningCase:
    return RunningCase.model_validate(
        {"workflow_id": "purchase:ord_1", "started_at": NOW, "steps": steps} | told
    )


def _step(attempt: int = 1, **told: object) -> PendingStep:
    step = {"name": "charge_order", "attempt": attempt, "scheduled_at": NOW, "started": False}
    return PendingStep.model_validate(step | {"last_failure": None} | told)


@pytest.mark.parametrize(
    "case",
    [
        _case(),
        _case(task_attempt=3),
        _case(_step()),
        _case(_step(scheduled_at=NOW - timedelta(seconds=60))),
        _case(_step(scheduled_at=NOW + timedelta(seconds=30), attempt=2, last_failure="away")),
        _case(_step(scheduled_at=NOW - timedelta(hours=1), started=True)),
        _case(_step(attempt=STEP_ATTEMPTS - 1, last_failure="away")),
        _case(_step(attempt=50, last_failure="away"), running=False),
    ],
)
def test_judge_is_patient(case: RunningCase) -> None:
    assert list(judge(case, NOW)) == []


@pytest.mark.parametrize(
    ("case", "kind", "word"),
    [
        (_case(task_attempt=4), StuckKind.WORKFLOW_FAILING, "3 times"),
        (
            _case(_step(attempt=STEP_ATTEMPTS, last_failure="away")),
            StuckKind.STEP_FAILING,
            "last: away",
        ),
        (
            _case(_step(scheduled_at=NOW - timedelta(seconds=61))),
            StuckKind.STEP_UNCLAIMED,
            "charge_order",
        ),
    ],
)
def test_judge_names_what_is_wrong(case: RunningCase, kind: StuckKind, word: str) -> None:
    [found] = judge(case, NOW)

    assert (found.kind, found.subject) == (kind, "purchase:ord_1")
    assert word in found.why
    assert found.remedy


@pytest.fixture
def without_engine(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A book whose Temporal is away."""
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{free_ports(1)[0]}")
    return database


def test_the_command_tells_what_the_book_knows_while_temporal_is_away(
    without_engine: Database,
) -> None:
    story = Story(without_engine).place().charge()

    result = runner.invoke(app, ["stuck", "--json"])

    told = json.loads(result.stdout)["stuck"]
    assert result.exit_code == 1
    assert [(s["kind"], s["subject"]) for s in told] == [
        ("engine_away", "temporal"),
        ("stock_missing", story.order_id),
    ]


def test_the_command_leaves_out_what_waits_for_less(without_engine: Database) -> None:
    Story(without_engine, placed_at=datetime.now(UTC) - timedelta(minutes=30)).place()

    shown = json.loads(runner.invoke(app, ["stuck", "--json", "--older-than", "10m"]).stdout)
    left_out = json.loads(runner.invoke(app, ["stuck", "--json", "--older-than", "1h"]).stdout)

    assert [s["kind"] for s in shown["stuck"]] == ["engine_away", "step_overdue"]
    assert [s["kind"] for s in left_out["stuck"]] == ["engine_away"]


@pytest.mark.usefixtures("without_engine")
@pytest.mark.parametrize("text", ["soon", "1w", "-1h", "1.5h", ""])
def test_the_command_refuses_a_duration_it_cannot_read(text: str) -> None:
    assert runner.invoke(app, ["stuck", "--older-than", text]).exit_code == 2

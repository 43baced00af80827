"""`keydesk bench` in small: every contestant does the same work, and the report says what it must; never a time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.end_state import EndState
from benchmarks.race import CONTESTANTS
from benchmarks.report import TARGETS, Report, ratio

RATIOS = (
    "cancellations_per_s",
    "ratio_textbook",
    "ratio_dbos",
    "ratio_floor",
    "ticket_latency_ratio",
)
CANCELLATIONS = 3


@pytest.fixture(scope="module")
def printed() -> dict[str, Any]:
    """What `keydesk bench --json` prints after one round of three cancellations each."""
    keydesk = Path(sys.executable).with_name("keydesk")
    options = ["--json", "--rounds", "1", "--cancellations", str(CANCELLATIONS)]
    done = subprocess.run(
        [keydesk, "bench", *options], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_prints_every_ratio_as_a_positive_number(printed: dict[str, Any]) -> None:
    assert all(isinstance(printed[name], float) and printed[name] > 0 for name in RATIOS)
    assert set(TARGETS) == set(RATIOS) - {"cancellations_per_s"}


def test_every_contestant_ran_its_lap(printed: dict[str, Any]) -> None:
    assert list(printed["laps"]) == list(CONTESTANTS)
    assert all(len(laps) == 1 for laps in printed["laps"].values())


def test_ratios_come_from_the_laps(printed: dict[str, Any]) -> None:
    report = Report.model_validate(printed)
    laps = report.laps
    assert report.ratio_dbos == ratio(laps["keydesk"], laps["dbos_process"])
    assert report.ratio_floor == ratio(laps["keydesk"], laps["floor"])


def test_all_end_with_the_same_business_state(printed: dict[str, Any]) -> None:
    states: list[EndState] = printed["end_states"]
    assert len(states) == len(CONTESTANTS) - 1, "all but the floor, which does no business"
    assert all(state == states[0] for state in states)


def test_the_business_is_done(printed: dict[str, Any]) -> None:
    cases = 2 * CANCELLATIONS  # as many for warming up
    state: EndState = printed["end_states"][0]
    assert state["cancellations"] == {"completed": cases}
    assert state["keys"] == {"revoked": cases}
    assert state["tickets"] == {"cancellation, closed: true": cases}
    assert sum(state["credits"].values()) == cases
    assert state["timeline"]["close_ticket"] == cases


def test_the_book_is_right_afterwards(printed: dict[str, Any]) -> None:
    assert printed["breaches"] == []


def test_a_contestant_that_leaves_work_undone_is_noticed(printed: dict[str, Any]) -> None:
    report = Report.model_validate(printed)
    assert report.same_end_state
    lazy = report.end_states[0] | {"keys": {"suspended": 2 * CANCELLATIONS}}
    assert not report.model_copy(update={"end_states": (*report.end_states, lazy)}).same_end_state

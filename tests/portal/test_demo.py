"""`keydesk demo`: the whole story on a stack of its own, and a failure that is not glossed over."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from portal.cli import app
from portal.commands import demo
from portal.supervised import KEYDESK
from settings import RunningStack

_ROOT = Path(__file__).resolve().parents[2]
_TOLD = {"chapters": [], "credit": {}}


def _environment(data_dir: Path) -> dict[str, str]:
    """Ours, without what would point at a stack that runs already."""
    foreign = ("KEYDESK_", "TEMPORAL_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"KEYDESK_DATA_DIR": str(data_dir)}


def test_the_whole_story_ends_right(tmp_path: Path) -> None:
    run = subprocess.run(
        [*KEYDESK, "demo", "--json"],
        cwd=_ROOT,
        env=_environment(tmp_path / "none"),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    says = {chapter["title"]: chapter["says"] for chapter in told["chapters"]}
    assert says["Nobody approves their own request"] == ["refused: own_request"]
    assert "key_not_live" in says["The key is dead, and the link with it"][0]
    late = says["The cancellation is quoted, now and at the edge of its window"]
    assert ["earns" in late[1], "comes too late" in late[2]] == [True, True]
    assert told["credit"]["amount"] == {"amount_minor": 205_800, "currency": "EUR"}
    assert told["breaches"] == []
    closed = says["The rest of the month is closed, with a credit note"]
    assert closed[0] == f"credit note {told['credit_note']} to {told['statement']}: 2,058.00 EUR"
    for saved in closed[1:]:
        assert Path(saved.removeprefix("saved as ")).read_bytes().startswith(b"%PDF-")
    assert len(closed) == 3
    everything = run.stdout + run.stderr
    assert re.search(r"[A-Z0-9]{5}(-[A-Z0-9]{5}){4}", everything) is None
    assert "/d/" not in everything


@pytest.mark.parametrize(("breaches", "code"), [([], 0), (["I9", "K3"], 1)])
def test_a_broken_book_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, breaches: list[str], code: int
) -> None:
    stack = RunningStack(
        data_dir=tmp_path,
        database_url="",
        temporal_address="",
        temporal_ui_url="",
        portal_url="",
        supervisor_pid=os.getpid(),
    )

    @contextmanager
    def no_stack(console: Console) -> Iterator[RunningStack]:
        yield stack

    monkeypatch.setattr(demo, "_stack", no_stack)
    monkeypatch.setattr(demo, "_tell", lambda *_args, **_options: dict(_TOLD))
    monkeypatch.setattr(demo, "_verify", lambda _stack: breaches)
    result = CliRunner().invoke(app, ["demo", "--json"])
    assert result.exit_code == code
    assert json.loads(result.stdout)["breaches"] == breaches


def test_a_portal_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    stack = RunningStack(
        data_dir=tmp_path,
        database_url="postgresql+psycopg://nobody@127.0.0.1:1/none",
        temporal_address="127.0.0.1:1",
        temporal_ui_url="",
        portal_url="http://127.0.0.1:1",
        supervisor_pid=os.getpid(),
    )
    (tmp_path / "run.json").write_text(stack.model_dump_json())
    run = subprocess.run(
        [*KEYDESK, "demo"],
        cwd=_ROOT,
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "does not answer" in run.stderr

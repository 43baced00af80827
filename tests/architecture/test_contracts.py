"""The house plan as tests: who may import whom, who reads the environment and the clock, how a file looks."""

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    "activities",
    "benchmarks",
    "demo",
    "integrations",
    "migrations",
    "models",
    "portal",
    "processes",
    "rules",
    "storage",
    "tests",
    "workflows",
)
LONGEST = 300
LONGER = {
    "migrations/versions/0001_the_tables_of_the_house.py": "generated: every table of the house at once",
    "tests/portal/test_events.py": "all that may be wrong with one event stands on one page",
    "tests/portal/test_token.py": "all that a forger may try stands on one page",
}
ENVIRONMENT = {
    "settings.py": "reads it for everybody",
    "processes/child.py": "hands it on to a child, less what is not the child's business",
}
CLOCK = {
    "portal": "doors note when something came in, and commands act now",
    "activities/outbox.py": "mails are due by the clock on the wall; the outbox is no part of a case",
    "activities/delivery.py": "deliveries are due by the clock on the wall, and a signature has its instant",
    "activities/outside_ticket.py": "an outside desk is told and heard by the clock on the wall, beside every case",
    "benchmarks": "measures",
}
CLOCKS = {"now", "utcnow", "today", "time", "time_ns"}
SANDBOXED = {
    "workflows",
    "workflows.cancellation",
    "workflows.outbox",
    "workflows.purchase",
}
"""What each workflow run imports anew; a room or a library among them would cost every start its import."""

_SANDBOX = """
import importlib, json, sys
from temporalio.worker.workflow_sandbox import SandboxRestrictions
from temporalio.worker.workflow_sandbox._importer import Importer
from temporalio.worker.workflow_sandbox._restrictions import RestrictionContext

importer = Importer(SandboxRestrictions.default, RestrictionContext())
with importer.applied():
    for name in sys.argv[1:]:
        importlib.import_module(name)
new = importer.new_modules
print(json.dumps([name for name in new if new[name] is not sys.modules.get(name)]))
"""


def modules(*rooms: str) -> list[Path]:
    """Every module of these rooms, and of the top when no room is named."""
    found = [*ROOT.glob("*.py")] if not rooms else []
    for room in rooms or ROOMS:
        found += (ROOT / room).rglob("*.py")
    return sorted(found)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_allowed(path: Path, allowed: dict[str, str]) -> bool:
    name = name_of(path)
    return any(name == place or name.startswith(f"{place}/") for place in allowed)


CODE = [path for path in modules() if not name_of(path).startswith("tests/")]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def environment_reads(tree: ast.Module) -> Iterator[int]:
    """Lines that take something from the process's environment."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}:
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for name in node.names if name.name in {"environ", "getenv"})


def clock_reads(tree: ast.Module) -> Iterator[int]:
    """Lines that ask what time it is: `datetime.now(…)`, `date.today()`, `time.time()`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = ast.unparse(node.func.value).rpartition(".")[2]
        if owner in {"datetime", "date", "time"} and node.func.attr in CLOCKS:
            yield node.lineno


def test_the_import_contracts_hold() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert " 0 broken." in result.stdout


def test_every_room_is_under_contract() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    linted = set(configuration["tool"]["importlinter"]["root_packages"])
    assert linted == set(ROOMS) - {"tests", "migrations"}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages <= linted, "a new room needs its place in the arrow"


def test_no_room_re_exports() -> None:
    full = [path for path in CODE if path.name == "__init__.py" and path.stat().st_size]
    assert full == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_says_what_lives_there_and_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if not text:
        assert path.name == "__init__.py"
        return
    sentence = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    assert sentence.endswith((".", ":", "`")), "the first line is one sentence"
    if name_of(path) not in LONGER:
        assert text.count("\n") <= LONGEST


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_only_settings_reads_the_environment(path: Path) -> None:
    if not is_allowed(path, ENVIRONMENT):
        assert list(environment_reads(parsed(path))) == []


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_only_doors_look_at_the_clock(path: Path) -> None:
    if not is_allowed(path, CLOCK):
        assert list(clock_reads(parsed(path))) == []


@pytest.mark.parametrize(
    "allowed", [LONGER, ENVIRONMENT, CLOCK], ids=["length", "environment", "clock"]
)
def test_no_exception_outlives_its_reason(allowed: dict[str, str]) -> None:
    needed: dict[int, Any] = {
        id(LONGER): lambda path: path.read_text(encoding="utf-8").count("\n") > LONGEST,
        id(ENVIRONMENT): lambda path: list(environment_reads(parsed(path))),
        id(CLOCK): lambda path: list(clock_reads(parsed(path))),
    }
    for place in allowed:
        paths = [ROOT / place] if place.endswith(".py") else modules(place)
        assert any(needed[id(allowed)](path) for path in paths), place


@pytest.mark.parametrize(
    ("reads", "source"),
    [
        (environment_reads, "import os\nos.environ['A']"),
        (environment_reads, "import os\nos.getenv('A')"),
        (environment_reads, "from os import environ"),
        (clock_reads, "from datetime import datetime\ndatetime.now()"),
        (clock_reads, "import datetime\ndatetime.datetime.utcnow()"),
        (clock_reads, "from datetime import date\ndate.today()"),
        (clock_reads, "import time\ntime.time()"),
    ],
)
def test_these_rules_can_be_broken(reads: Any, source: str) -> None:
    assert list(reads(ast.parse(source)))


def test_a_workflow_start_imports_nothing_but_workflows() -> None:
    told = ["workflows.cancellation", "workflows.outbox", "workflows.purchase"]
    result = subprocess.run(
        [sys.executable, "-c", _SANDBOX, *told],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    anew = set(json.loads(result.stdout))
    ours = {name for name in anew if name.partition(".")[0] in ROOMS}
    assert ours == SANDBOXED
    heavy = {"sqlalchemy", "sqlmodel", "pydantic", "psycopg", "jinja2"}
    assert {name.partition(".")[0] for name in anew} & heavy == set()

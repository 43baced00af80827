"""`keydesk import-keys`, as typed: verdicts by row, nothing on a dry run, and never a key in the output."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from demo.keys import sample_keys
from models.errors import Invalid
from models.tables.column import table
from models.tables.record import AuditRow
from portal.cli import app
from storage.engine import Database
from storage.stock import available_keys
from storage.verify import verify

SKU = "DG7GMGF0D7FX:0002"
KEYS = list(sample_keys(SKU, 1200, seed=99))
MANY = 6000
ROOT = Path(__file__).parents[2]

_audit = table(AuditRow)


@pytest.fixture
def installation(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(tmp_path / "data"))
    return database


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.csv"


def _import(file: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["import-keys", str(file), *options], catch_exceptions=False)


def _csv(*lines: str) -> bytes:
    return "\n".join(("sku,product_key", *lines, "")).encode()


def _stock(database: Database) -> int:
    with database.reading() as connection:
        return available_keys(connection)[SKU]


MIXED = _csv(
    f"{SKU},{KEYS[0]}",
    f" {SKU} , {KEYS[1]} ",
    f"{SKU},{KEYS[0]}",
    "",
    f"{KEYS[2]},{SKU}",
    f"{SKU},{KEYS[3]}-more",
    f"{SKU},{KEYS[4]},{KEYS[5]}",
    SKU,
)


def test_a_mixed_file_is_judged_row_by_row(installation: Database, file: Path) -> None:
    file.write_bytes(MIXED)
    before = _stock(installation)

    answer = _import(file, "--json")

    assert answer.exit_code == 1
    assert json.loads(answer.stdout) == {
        "dry_run": False,
        "rows": 7,
        "verdicts": {
            "added": 2,
            "added_already": 0,
            "duplicate": 1,
            "unknown_sku": 1,
            "malformed": 3,
        },
        "refused": [
            {"row": 4, "sku": SKU, "verdict": "duplicate"},
            {"row": 6, "sku": None, "verdict": "unknown_sku"},
            {"row": 7, "sku": SKU, "verdict": "malformed"},
            {"row": 8, "sku": SKU, "verdict": "malformed"},
            {"row": 9, "sku": SKU, "verdict": "malformed"},
        ],
    }
    assert _stock(installation) == before + 2


def test_a_dry_run_gives_the_same_verdicts_and_changes_nothing(
    installation: Database, file: Path
) -> None:
    file.write_bytes(MIXED)
    before = _stock(installation)

    dry = json.loads(_import(file, "--dry-run", "--json").stdout)
    unchanged = _stock(installation)
    real = json.loads(_import(file, "--json").stdout)

    assert dry.pop("dry_run")
    assert not real.pop("dry_run")
    assert dry == real
    assert unchanged == before


@pytest.mark.usefixtures("installation")
def test_the_output_never_holds_a_key(file: Path) -> None:
    file.write_bytes(MIXED)

    output = "".join(_import(file, *options).output for options in ((), ("--json",)))

    assert "row 6: unknown sku" in output
    assert not [key for key in KEYS[:6] if key in output]


def test_a_file_of_several_batches_comes_in_whole(installation: Database, file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + _csv(*(f"{SKU},{key}" for key in KEYS)))
    before = _stock(installation)

    first = _import(file)
    second = _import(file, "--json")

    assert first.exit_code == 0
    assert second.exit_code == 0
    assert json.loads(second.stdout)["verdicts"]["added_already"] == len(KEYS)
    assert _stock(installation) == before + len(KEYS)


def test_the_keys_of_another_file_are_duplicates(installation: Database, file: Path) -> None:
    file.write_bytes(_csv(f"{SKU},{KEYS[0]}", f"{SKU},{KEYS[1]}"))
    _import(file)
    file.write_bytes(_csv(f"{SKU},{KEYS[1]}", f"{SKU},{KEYS[2]}"))

    dry, real = (json.loads(_import(file, *o, "--json").stdout) for o in (("--dry-run",), ()))

    assert dry["verdicts"] == real["verdicts"]
    assert real["refused"] == [{"row": 2, "sku": SKU, "verdict": "duplicate"}]
    assert verify(installation, datetime.now(UTC)).breaches == ()


def test_a_run_that_is_killed_half_way_is_continued_by_the_next(
    installation: Database, file: Path
) -> None:
    file.write_bytes(_csv(*(f"{SKU},{key}" for key in sample_keys(SKU, MANY, seed=7))))
    before = _stock(installation)
    command = [sys.executable, "-m", "portal.cli", "import-keys", str(file)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        while _stock(installation) == before:
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL

    answer = _import(file, "--json")

    verdicts = json.loads(answer.stdout)["verdicts"]
    assert answer.exit_code == 0
    assert verdicts["added_already"] >= 500, "committed batches stay"
    assert verdicts["added"] > 0, "it was killed half way"
    assert verdicts["added"] + verdicts["added_already"] == MANY
    assert _stock(installation) == before + MANY
    assert _counted(installation) == MANY, "each batch has its audit row, once"
    assert verify(installation, datetime.now(UTC)).breaches == ()


def _counted(database: Database) -> int:
    """How many keys the house's audit chain says these imports brought."""
    with database.reading() as connection:
        rows = connection.execute(
            select(_audit.c.details).where(_audit.c.action == "keys.imported")
        )
        return sum(d["added"][SKU] for d in rows.scalars() if "import_id" in d)


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "key_file_columns"),
        (b"sku\n", "key_file_columns"),
        (b"sku;product_key\n", "key_file_columns"),
        (b"sku,product_key,price\n", "key_file_columns"),
        (b"\xff\xfe", "key_file_unreadable"),
        (_csv('"unclosed'), "key_file_unreadable"),
        (_csv("x" * 200_000), "key_file_unreadable"),
    ],
)
def test_a_file_of_another_kind_is_refused(file: Path, content: bytes, code: str) -> None:
    file.write_bytes(content)

    with pytest.raises(Invalid) as refused:
        _import(file)

    assert refused.value.code == code


@pytest.mark.usefixtures("installation")
def test_a_missing_file_is_refused(file: Path) -> None:
    with pytest.raises(Invalid, match="No such file"):
        _import(file)

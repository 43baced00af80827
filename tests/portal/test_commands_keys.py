"""`keydesk import-keys`, as typed: verdicts by row, nothing on a dry run, and never a key in the output."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from demo.keys import sample_keys
from models.errors import Invalid
from portal.cli import app
from storage.engine import Database
from storage.key_import import stock_levels

SKU = "DG7GMGF0D7FX:0002"
KEYS = list(sample_keys(SKU, 1200, seed=99))


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
        return stock_levels(connection)[SKU]


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
        "verdicts": {"added": 2, "duplicate": 1, "unknown_sku": 1, "malformed": 3},
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
    assert second.exit_code == 1
    assert json.loads(second.stdout)["verdicts"]["duplicate"] == len(KEYS)
    assert _stock(installation) == before + len(KEYS)


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

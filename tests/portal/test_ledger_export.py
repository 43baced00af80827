"""`keydesk export-ledger`: the same money in three layouts, each of them balanced."""

import csv
import io
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.money import Money
from portal.cli import app
from portal.ledger_file import decimal_text
from storage.engine import Database
from tests.factories import Story

runner = CliRunner()


@pytest.fixture(autouse=True)
def story(database: Database, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A charge of 2,058.00 EUR and its credit, in the database of the settings."""
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    return Story(database).buy().cancel()


def test_export_writes_one_csv_row_per_posting(story: Story) -> None:
    result = runner.invoke(app, ["export-ledger"])

    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert result.exit_code == 0
    assert [(row["kind"], row["account"], row["amount"]) for row in rows] == [
        ("charge", "receivable", "2058.00"),
        ("charge", "sales", "-2058.00"),
        ("credit", "refunds", "2058.00"),
        ("credit", "receivable", "-2058.00"),
    ]
    assert {row["order_id"] for row in rows} == {story.order_id}
    assert sum(int(row["amount_minor"]) for row in rows) == 0


@pytest.mark.parametrize("layout", ["hledger", "beancount"])
def test_export_balances_every_transaction(layout: str) -> None:
    result = runner.invoke(app, ["export-ledger", "--format", layout])

    blocks = [block for block in result.stdout.split("\n\n") if block.strip()]
    assert len(blocks) == 2
    for block in blocks:
        amounts = re.findall(r"^ +\S+  (-?\d+\.\d\d) EUR$", block, re.MULTILINE)
        assert len(amounts) == 2
        assert sum(map(Decimal, amounts)) == 0


def test_beancount_opens_each_account_once_before_its_first_use() -> None:
    result = runner.invoke(app, ["export-ledger", "--format", "beancount"])

    opened: dict[str, int] = defaultdict(int)
    for line in result.stdout.splitlines():
        if " open " in line:
            opened[line.split()[-1]] += 1
        elif line.startswith("  ") and line.endswith(" EUR"):
            account = line.split()[0]
            assert opened[account] == 1
            assert all(re.fullmatch(r"[A-Z0-9][A-Za-z0-9-]*", part) for part in account.split(":"))
    assert len(opened) == 3


def test_export_writes_a_file_whole(tmp_path: Path) -> None:
    target = tmp_path / "ledger.csv"

    result = runner.invoke(app, ["export-ledger", "-o", str(target)])

    assert result.exit_code == 0
    assert result.stdout == ""
    assert len(target.read_text(encoding="utf-8").splitlines()) == 5
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (124900, "EUR", "1249.00"),
        (-5, "EUR", "-0.05"),
        (-1249, "JPY", "-1249"),
        (0, "CZK", "0.00"),
        (10**15, "USD", "10000000000000.00"),
    ],
)
def test_decimal_text_is_exact(minor: int, currency: str, text: str) -> None:
    assert decimal_text(Money(amount_minor=minor, currency=currency)) == text

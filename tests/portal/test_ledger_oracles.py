"""`keydesk export-ledger` before judges: beancount's checker, hledger's where it is installed, our own for CSV."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.ledger import AccountKind, Entry, EntryKind, Posting
from models.money import Money
from portal.cli import app
from portal.ledger_file import WRITERS, LedgerFormat
from storage.engine import Database
from tests.factories import OTHER_BUYER, OTHER_CUSTOMER, PLACED_AT, Story
from tests.fixtures.chapters import tell_all
from tests.fixtures.closing import close_statements

_CHECKS = {
    LedgerFormat.BEANCOUNT: [str(Path(sys.executable).with_name("bean-check")), "--no-cache"],
    LedgerFormat.CSV: [sys.executable, str(Path(__file__).parents[1] / "fixtures/csv_judge.py")],
    LedgerFormat.HLEDGER: ["hledger", "check", "--strict", "ordereddates", "-f"],
}
PRESENT = [layout for layout, command in _CHECKS.items() if shutil.which(command[0])]
"""hledger is a program of the system (Debian has it), beancount is one of the environment and always there."""

_AMOUNT = re.compile(
    r"(^ +\S+  |,[A-Z]{3},)(?P<amount>-?\d+(\.(?P<fraction>\d+))?)( [A-Z]{3}$|,)", re.MULTILINE
)


def _judge(layout: LedgerFormat, ledger: str, directory: Path) -> subprocess.CompletedProcess[str]:
    file = directory / f"ledger.{layout}"
    file.write_text(ledger, encoding="utf-8")
    return subprocess.run(
        [*_CHECKS[layout], str(file)], capture_output=True, text=True, timeout=60, check=False
    )


def _assert_right(layout: LedgerFormat, ledger: str, directory: Path) -> None:
    verdict = _judge(layout, ledger, directory)
    assert (verdict.returncode, verdict.stdout, verdict.stderr) == (0, "", "")


def _assert_caught(layout: LedgerFormat, ledger: str, directory: Path, words: str) -> None:
    verdict = _judge(layout, ledger, directory)
    assert verdict.returncode != 0
    assert words in verdict.stdout + verdict.stderr


def _with_one_cent_more(ledger: str, number: int) -> str:
    """The ledger with one amount wrong by the smallest unit of its currency."""
    chosen = list(_AMOUNT.finditer(ledger))[number]
    digits = len(chosen["fraction"] or "")
    wrong = Decimal(chosen["amount"]) + Decimal(1).scaleb(-digits)
    return f"{ledger[: chosen.start('amount')]}{wrong}{ledger[chosen.end('amount') :]}"


@pytest.fixture
def export(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[[LedgerFormat], str]:
    """The export of a book with two partners: charges, a reversal, credits and settlements, on several days."""
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    tell_all(database)
    Story(database, placed_at=datetime(2026, 3, 3, 23, 50, tzinfo=UTC)).place(
        OTHER_BUYER, OTHER_CUSTOMER
    ).charge()
    close_statements(database, PLACED_AT + timedelta(minutes=5))
    close_statements(database, datetime(2026, 4, 1, tzinfo=UTC))

    def run(layout: LedgerFormat) -> str:
        result = CliRunner().invoke(app, ["export-ledger", "--format", layout])
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_beancount_and_our_own_are_always_among_the_judges() -> None:
    assert {LedgerFormat.BEANCOUNT, LedgerFormat.CSV} <= set(PRESENT)


@pytest.mark.parametrize("layout", PRESENT)
def test_the_checker_finds_the_ledger_right(
    layout: LedgerFormat, export: Callable[[LedgerFormat], str], tmp_path: Path
) -> None:
    ledger = export(layout)

    for kind in EntryKind:
        assert re.search(rf"\b{kind}\b", ledger), kind
    _assert_right(layout, ledger, tmp_path)


@pytest.mark.parametrize("number", [0, -1], ids=["first", "last"])
@pytest.mark.parametrize("layout", PRESENT)
def test_the_checker_catches_one_cent(
    layout: LedgerFormat, number: int, export: Callable[[LedgerFormat], str], tmp_path: Path
) -> None:
    planted = _with_one_cent_more(export(layout), number)

    _assert_caught(layout, planted, tmp_path, "balance")


def _entry(number: int, currency: str, amount_minor: int) -> Entry:
    sides = ((AccountKind.RECEIVABLE, amount_minor), (AccountKind.SALES, -amount_minor))
    return Entry(
        id=f"ent_{number}",
        kind=EntryKind.CHARGE,
        business_key=f"ord_{number}/charge",
        partner_id="par_1",
        order_id=f"ord_{number}",
        booked_at=datetime(2026, 3, number, tzinfo=UTC),
        postings=tuple(
            Posting(
                account_id=f"acc_{kind}_{number}",
                account_kind=kind,
                amount=Money(amount_minor=minor, currency=currency),
                account_version=1,
                balance_after_minor=minor,
            )
            for kind, minor in sides
        ),
    )


def _written(layout: LedgerFormat) -> str:
    """Currencies with and without minor units, the smallest amount and the largest."""
    file = StringIO()
    amounts = [("EUR", 1), ("JPY", 124_900), ("CZK", 10**15), ("JPY", 1), ("EUR", 99_999)]
    entries = [_entry(day, *money) for day, money in enumerate(amounts, start=1)]
    WRITERS[layout](entries, file)
    return file.getvalue()


@pytest.mark.parametrize("layout", PRESENT)
def test_the_checker_takes_every_kind_of_currency(layout: LedgerFormat, tmp_path: Path) -> None:
    _assert_right(layout, _written(layout), tmp_path)


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("layout", PRESENT)
def test_the_checker_catches_the_smallest_unit_of_every_currency(
    layout: LedgerFormat, number: int, tmp_path: Path
) -> None:
    planted = _with_one_cent_more(_written(layout), number)

    _assert_caught(layout, planted, tmp_path, "balance")


@pytest.mark.parametrize("layout", [p for p in PRESENT if p is not LedgerFormat.CSV])
def test_the_checker_misses_what_is_not_declared(layout: LedgerFormat, tmp_path: Path) -> None:
    """Strictness itself is at work: what is not declared is refused."""
    declarations = (
        ("account ", "commodity ") if layout is LedgerFormat.HLEDGER else ("2026-03-01 open",)
    )
    lines = _written(layout).splitlines(keepends=True)

    bare = "".join(line for line in lines if not line.startswith(declarations))

    assert _judge(layout, bare, tmp_path).returncode != 0

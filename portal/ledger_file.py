"""The ledger as files that bookkeeping programs read: CSV, hledger and beancount."""

import csv
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TextIO

from models.ledger import AccountKind, Entry, Posting
from models.money import MINOR_DIGITS, Money

Writer = Callable[[Iterable[Entry], TextIO], None]


class LedgerFormat(StrEnum):
    """What `keydesk export-ledger --format` takes."""

    CSV = "csv"
    HLEDGER = "hledger"
    BEANCOUNT = "beancount"


_COLUMNS = (
    "entry_id",
    "booked_at",
    "kind",
    "business_key",
    "order_id",
    "partner_id",
    "account",
    "account_id",
    "currency",
    "amount",
    "amount_minor",
    "account_version",
    "balance_after_minor",
    "statement_id",
)

# Refunds lessen revenue, so they stand beside sales and not among the expenses.
_HLEDGER_ROOTS = {
    AccountKind.RECEIVABLE: "assets:receivable",
    AccountKind.BILLED: "assets:billed",
    AccountKind.SALES: "revenues:sales",
    AccountKind.REFUNDS: "revenues:refunds",
}
_BEANCOUNT_ROOTS = {
    AccountKind.RECEIVABLE: "Assets:Receivable",
    AccountKind.BILLED: "Assets:Billed",
    AccountKind.SALES: "Income:Sales",
    AccountKind.REFUNDS: "Income:Refunds",
}


def write_csv(entries: Iterable[Entry], file: TextIO) -> None:
    """One row per posting; the amount both as a decimal number and in minor units."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_row(entry, posting) for entry in entries for posting in entry.postings)


def _row(entry: Entry, posting: Posting) -> tuple[str | int, ...]:
    return (
        entry.id,
        entry.booked_at.isoformat(),
        entry.kind,
        entry.business_key,
        entry.order_id or "",
        entry.partner_id,
        posting.account_kind,
        posting.account_id,
        posting.amount.currency,
        decimal_text(posting.amount),
        posting.amount.amount_minor,
        posting.account_version,
        posting.balance_after_minor,
        entry.statement_id or "",
    )


def write_hledger(entries: Iterable[Entry], file: TextIO) -> None:
    """A journal; the code in parentheses is the entry's id, and all is declared that a strict check asks for."""
    declared: set[str] = set()
    for entry in entries:
        sides = [(_hledger_account(entry, posting), posting) for posting in entry.postings]
        wanted = [f"account {account}\n" for account, _ in sides]
        wanted += [_hledger_commodity(posting.amount.currency) for posting in entry.postings]
        file.writelines(line for line in dict.fromkeys(wanted) if line not in declared)
        declared.update(wanted)
        file.write(f"{entry.booked_at:%Y-%m-%d} * ({entry.id}) {_title(entry)}\n")
        file.writelines(f"    {account}  {_amount(posting)}\n" for account, posting in sides)
        file.write("\n")


def write_beancount(entries: Iterable[Entry], file: TextIO) -> None:
    """A ledger; each account is opened on the day of its first posting."""
    opened: set[str] = set()
    for entry in entries:
        day = f"{entry.booked_at:%Y-%m-%d}"
        sides = [(_beancount_account(entry, posting), posting) for posting in entry.postings]
        accounts = dict.fromkeys(account for account, _ in sides)
        file.writelines(f"{day} open {account}\n" for account in accounts if account not in opened)
        opened |= accounts.keys()
        file.write(f'{day} * "{_title(entry)}"\n  entry: "{entry.id}"\n')
        file.writelines(f"  {account}  {_amount(posting)}\n" for account, posting in sides)
        file.write("\n")


WRITERS: dict[LedgerFormat, Writer] = {
    LedgerFormat.CSV: write_csv,
    LedgerFormat.HLEDGER: write_hledger,
    LedgerFormat.BEANCOUNT: write_beancount,
}


def decimal_text(money: Money) -> str:
    """`1249.00`, without separators or the currency; integers all the way."""
    digits = MINOR_DIGITS.get(money.currency, 2)
    whole, minor = divmod(abs(money.amount_minor), 10**digits)
    sign = "-" if money.amount_minor < 0 else ""
    return f"{sign}{whole}.{minor:0{digits}d}" if digits else f"{sign}{whole}"


def _title(entry: Entry) -> str:
    if entry.order_id is None:
        return f"{entry.kind} of statement {entry.statement_id}"
    return f"{entry.kind} of order {entry.order_id}"


def _amount(posting: Posting) -> str:
    return f"{decimal_text(posting.amount)} {posting.amount.currency}"


def _hledger_account(entry: Entry, posting: Posting) -> str:
    return f"{_HLEDGER_ROOTS[posting.account_kind]}:{entry.partner_id}"


def _hledger_commodity(currency: str) -> str:
    """How amounts of this currency look; hledger wants a decimal mark, also where no digits follow it."""
    digits = MINOR_DIGITS.get(currency, 2)
    return f"commodity 1000.{'0' * digits} {currency}\n"


def _beancount_account(entry: Entry, posting: Posting) -> str:
    """An account's parts begin with a capital and know no underscore."""
    partner = entry.partner_id.replace("_", "-").capitalize()
    return f"{_BEANCOUNT_ROOTS[posting.account_kind]}:{partner}"

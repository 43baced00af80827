"""Tickets as CSV for spreadsheets, in which nothing that people typed is taken for a formula."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

from models.ticket import Ticket
from portal.ledger_file import decimal_text

_COLUMNS = (
    "number",
    "id",
    "kind",
    "status",
    "problem_type",
    "impact",
    "severity",
    "title",
    "customer_name",
    "customer_tenant",
    "order_number",
    "partner_id",
    "opened_by",
    "opened_at",
    "respond_by",
    "response",
    "first_response_at",
    "first_response_by",
    "assignee_id",
    "escalated_at",
    "resolved_at",
    "closed_at",
)
_AMOUNT = ("requested_amount", "currency")
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What spreadsheets begin a formula with, also in full width."""


def csv_lines(tickets: Iterable[Ticket]) -> Iterator[str]:
    """The header and one line per ticket, each as soon as it is read."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow((*_COLUMNS, *_AMOUNT))
    yield _taken(buffer)
    for ticket in tickets:
        writer.writerow(map(_cell, _row(ticket)))
        yield _taken(buffer)


def _row(ticket: Ticket) -> tuple[Any, ...]:
    amount = ticket.requested_amount
    fields = ticket.model_dump(mode="json", include=set(_COLUMNS))
    asked = ("", "") if amount is None else (decimal_text(amount), amount.currency)
    return (*(fields[column] for column in _COLUMNS), *asked)


def _cell(value: Any) -> str:
    """An apostrophe before what would be run: spreadsheets show the rest as text."""
    written = "" if value is None else str(value)
    return f"'{written}" if written.startswith(_FORMULA) else written


def _taken(buffer: StringIO) -> str:
    line = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return line

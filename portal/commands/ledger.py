"""`keydesk export-ledger`: the double-entry ledger for a bookkeeping program."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from portal.ledger_file import WRITERS, LedgerFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from models.ledger import Entry
    from storage.engine import Database

app = typer.Typer()


@app.command()
def export_ledger(
    *,
    layout: Annotated[
        LedgerFormat, typer.Option("--format", help="For whom the ledger is written.")
    ] = LedgerFormat.CSV,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; without it, standard output.")
    ] = None,
) -> None:
    """Write every ledger entry with its postings, oldest first, from one snapshot.

    Debits are positive. Amounts are exact decimals; the CSV has them in minor units as well.
    """
    from portal.commands.book import open_book
    from settings import load

    with open_book(load()) as database:
        if output is None:
            _export(database, layout, sys.stdout)
            return
        # Under another name first: a reader never meets half a ledger.
        unfinished = output.with_name(f"{output.name}.part")
        try:
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                _export(database, layout, file)
            unfinished.replace(output)
        finally:
            unfinished.unlink(missing_ok=True)


def _export(database: "Database", layout: LedgerFormat, file: "TextIO") -> None:
    from storage.ledger_view import count_entries, read_entries

    with (
        database.reading(whole_book=True) as connection,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("ledger entries", total=count_entries(connection))

        def counted() -> "Iterator[Entry]":
            for entry in read_entries(connection):
                yield entry
                progress.advance(task)

        WRITERS[layout](counted(), file)

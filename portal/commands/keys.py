"""`keydesk import-keys`: product keys from a CSV file into the pool."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.key_import import KeyFile, KeyLine, KeyLineResult
    from storage.engine import Database
    from storage.key_import import Sealer

app = typer.Typer()

_BATCH = 500
_SHOWN = 20


@app.command()
def import_keys(
    file: Annotated[
        Path, typer.Argument(help="CSV in UTF-8 with the columns sku,product_key.", dir_okay=False)
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Judge every row and change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
) -> None:
    """Add product keys as available stock, sealed on the way in. Bad rows do not stop good ones.

    Rows are named by number, the heading being row 1; keys are never printed. Killed half-way? Give the same
    file again: it goes on, and says `added already` of what is in.

    The exit status is 1 when a row was refused.
    """
    from integrations.cipher.ring import RingCipher
    from integrations.secret_files import ensure_secrets
    from portal.commands.book import open_book
    from portal.key_file import read_key_file
    from settings import load

    settings = load()
    cipher = RingCipher(ensure_secrets(settings).key_ring)
    read = read_key_file(file)
    with open_book(settings) as database:
        results = (
            _judge(database, read, cipher)
            if dry_run
            else _import(database, read, cipher, settings.low_stock)
        )
    refused = [result for result in results if result.verdict.refused]
    if as_json:
        _print_json(results, refused, dry_run=dry_run)
    else:
        _show(results, refused, dry_run=dry_run)
    raise typer.Exit(1 if refused else 0)


def _judge(database: "Database", file: "KeyFile", sealer: "Sealer") -> "list[KeyLineResult]":
    """A dry run reads only, the whole file in one view of the pool."""
    from storage.key_import import find_import, judge_keys

    seen = set[bytes]()
    with database.reading() as connection:
        source = find_import(connection, file, sealer)
        return _in_batches(
            file, lambda lines: judge_keys(connection, lines, sealer, source=source, seen=seen)
        )


def _import(
    database: "Database", file: "KeyFile", sealer: "Sealer", low_stock: int
) -> "list[KeyLineResult]":
    """Every batch is a transaction with its own audit row: what is committed stays, whatever happens next."""
    from datetime import UTC, datetime

    from models.ids import SYSTEM_USER
    from storage.key_import import add_keys, begin_import, record_import
    from storage.stock import clear_alerts

    at = datetime.now(UTC)
    with database.transaction() as connection:
        source = begin_import(connection, file, sealer, at=at, by=SYSTEM_USER)

    def bring_in(lines: "Sequence[KeyLine]") -> "Sequence[KeyLineResult]":
        with database.transaction() as connection:
            results = add_keys(
                connection,
                lines,
                sealer,
                at=at,
                by=SYSTEM_USER,
                reason="key import",
                source=source,
            )
            record_import(connection, results, at=at, by=SYSTEM_USER, source=source)
            filled = {result.sku for result in results if result.sku is not None}
            clear_alerts(connection, filled, low_stock, at=at)
        return results

    return _in_batches(file, bring_in)


def _in_batches(
    file: "KeyFile", work: "Callable[[Sequence[KeyLine]], Sequence[KeyLineResult]]"
) -> "list[KeyLineResult]":
    results: list[KeyLineResult] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("product keys", total=len(file.lines))
        for start in range(0, len(file.lines), _BATCH):
            batch = file.lines[start : start + _BATCH]
            results += work(batch)
            progress.advance(task, len(batch))
    return results


def _print_json(
    results: "Sequence[KeyLineResult]", refused: "Sequence[KeyLineResult]", *, dry_run: bool
) -> None:
    answer = {
        "dry_run": dry_run,
        "rows": len(results),
        "verdicts": _counts(results),
        "refused": [result.model_dump(mode="json") for result in refused],
    }
    typer.echo(json.dumps(answer))


def _show(
    results: "Sequence[KeyLineResult]", refused: "Sequence[KeyLineResult]", *, dry_run: bool
) -> None:
    table = Table("verdict", "rows")
    for verdict, count in _counts(results).items():
        table.add_row(verdict.replace("_", " "), str(count))
    console = Console()
    console.print(table)
    for result in refused[:_SHOWN]:
        console.print(f"row {result.row}: {result.verdict.replace('_', ' ')}", highlight=False)
    if len(refused) > _SHOWN:
        console.print(f"and {len(refused) - _SHOWN} more; --json lists them all")
    if dry_run:
        console.print("dry run: nothing was changed")


def _counts(results: "Sequence[KeyLineResult]") -> dict[str, int]:
    """Every verdict with its number of rows, also those that no row got."""
    from models.key_import import KeyVerdict

    counted = Counter(result.verdict for result in results)
    return {verdict.value: counted[verdict] for verdict in KeyVerdict}

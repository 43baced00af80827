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
    from sqlalchemy import Connection

    from models.key_import import KeyLine, KeyLineResult
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

    Rows are named by number, the heading being row 1; keys are never printed.

    The exit status is 1 when a row was refused.
    """
    from integrations.cipher.ring import RingCipher
    from integrations.secret_files import ensure_secrets
    from models.key_import import KeyVerdict
    from portal.commands.book import open_book
    from portal.key_file import read_key_lines
    from settings import load

    settings = load()
    cipher = RingCipher(ensure_secrets(settings).key_ring)
    lines = read_key_lines(file)
    with open_book(settings) as database, database.transaction() as connection:
        results = _import(connection, lines, cipher, dry_run=dry_run)
    refused = [result for result in results if result.verdict is not KeyVerdict.ADDED]
    if as_json:
        _print_json(results, refused, dry_run=dry_run)
    else:
        _show(results, refused, dry_run=dry_run)
    raise typer.Exit(1 if refused else 0)


def _import(
    connection: "Connection", lines: "Sequence[KeyLine]", sealer: "Sealer", *, dry_run: bool
) -> "list[KeyLineResult]":
    """All batches in one transaction; a dry run judges in the same way and takes everything back."""
    from datetime import UTC, datetime

    from models.ids import SYSTEM_USER
    from storage.key_import import add_keys, record_import

    at = datetime.now(UTC)
    results: list[KeyLineResult] = []
    savepoint = connection.begin_nested()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("product keys", total=len(lines))
        for start in range(0, len(lines), _BATCH):
            batch = lines[start : start + _BATCH]
            results += add_keys(
                connection, batch, sealer, at=at, by=SYSTEM_USER, reason="key import"
            )
            progress.advance(task, len(batch))
    record_import(connection, results, at=at, by=SYSTEM_USER)
    if dry_run:
        savepoint.rollback()
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

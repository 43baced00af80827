"""`keydesk stock`: how many product keys there are of each SKU, and the thresholds below which operators are told."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

if TYPE_CHECKING:
    from models.stock import Stock

app = typer.Typer()


@app.command()
def stock(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print the levels as JSON.")] = False
) -> None:
    """Show the product keys of every SKU by state, and which pools run low."""
    from portal.commands.book import open_book
    from settings import load
    from storage.stock import stock_levels

    settings = load()
    with open_book(settings) as database, database.reading() as connection:
        levels = stock_levels(connection, settings.low_stock)
    if as_json:
        typer.echo(json.dumps([level.model_dump(mode="json") for level in levels]))
    else:
        _show(levels)


@app.command()
def stock_threshold(
    sku: Annotated[str, typer.Argument(help="The SKU, as `keydesk stock` lists it.")],
    threshold: Annotated[
        int, typer.Argument(min=0, help="Tell operators when fewer keys than this are left.")
    ],
) -> None:
    """Set how few available keys of a SKU are too few; 0 never alerts."""
    from datetime import UTC, datetime

    from models.ids import SYSTEM_USER
    from portal.commands.book import open_book
    from settings import load
    from storage.stock import set_threshold

    with open_book(load()) as database, database.transaction() as connection:
        set_threshold(connection, sku, threshold, at=datetime.now(UTC), by=SYSTEM_USER)
    Console().print(f"{sku}: operators are told when fewer than {threshold} keys are left")


def _show(levels: "tuple[Stock, ...]") -> None:
    console = Console()
    if not levels:
        console.print("no products yet: load a catalogue with `keydesk load-catalogue`")
        return
    states = ("available", "allocated", "suspended", "revoked", "quarantined")
    table = Table(Column("sku", no_wrap=True), *states, "alert below", "")
    for level in levels:
        counts = (str(getattr(level, state)) for state in (*states, "threshold"))
        table.add_row(level.sku, *counts, "[red]low[/]" if level.low else "")
    console.print(table)
    if any(level.low for level in levels):
        console.print("bring in more with `keydesk import-keys FILE.csv`")

"""`keydesk stuck`: what waits longer than it should, from Temporal and the database together."""

import re
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from models.stuck import Stuck
    from settings import Settings

app = typer.Typer()

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(text: str) -> "timedelta":
    from datetime import timedelta

    parts = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if parts is None:
        raise typer.BadParameter("give a number and a unit: 90s, 30m, 1h, 2d")
    return timedelta(**{_UNITS[parts[2]]: int(parts[1])})


@app.command()
def stuck(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print what waits as JSON.")] = False,
    older_than: Annotated[
        str, typer.Option(help="Leave out what waits for less: 90s, 30m, 1h, 2d.")
    ] = "0s",
) -> None:
    """List what waits longer than it should: since when, why, and what to do.

    Each kind has its own patience (docs/runbook.md). Exit status 1 when something is stuck.
    Whether the book is right is a matter for `keydesk verify`.
    """
    import asyncio
    from datetime import UTC, datetime

    from settings import load

    at_least = _duration(older_than)
    now = datetime.now(UTC)
    found = asyncio.run(_look(load(), now))
    shown = [item for item in found if item.since is None or now - item.since >= at_least]
    if as_json:
        _print_json(shown, now)
    else:
        _show(shown, now)
    raise typer.Exit(1 if shown else 0)


async def _look(settings: "Settings", now: "datetime") -> "list[Stuck]":
    import gc

    from integrations.temporal import connect
    from portal.commands.book import open_book
    from portal.stuck import find_stuck

    with open_book(settings) as database:
        try:
            client = await connect(settings.temporal_address, settings.temporal_namespace)
        except RuntimeError:
            # The SDK has no other word for a server that does not answer.
            client = None
        found = await find_stuck(database, client, settings.task_queue, now)
    # On Python 3.11 a client that outlives its loop can abort the interpreter at exit.
    del client
    gc.collect()
    return found


def _print_json(found: "Sequence[Stuck]", now: "datetime") -> None:
    import json

    answer = {
        "checked_at": now.isoformat(),
        "stuck": [item.model_dump(mode="json") for item in found],
    }
    typer.echo(json.dumps(answer))


def _show(found: "Sequence[Stuck]", now: "datetime") -> None:
    console = Console()
    if not found:
        console.print(f"nothing is stuck; checked at {now:%Y-%m-%d %H:%M:%S} UTC")
        return
    table = Table("kind", "what", "since", "why", "what to do", show_lines=True)
    for item in found:
        since = "" if item.since is None else f"{item.since:%Y-%m-%d %H:%M:%S}"
        words = (item.kind.replace("_", " "), item.subject, since, item.why, item.remedy)
        table.add_row(*(escape(word) for word in words))
    console.print(table)
    console.print(f"{len(found)} stuck; checked at {now:%Y-%m-%d %H:%M:%S} UTC")

"""`keydesk import-calendars` and `keydesk calendars`: the hours in which response clocks run."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.calendar import Calendar, CalendarEntry

app = typer.Typer()


@app.command()
def import_calendars(
    file: Annotated[Path, typer.Argument(help="YAML as in demo/calendars.yaml.", dir_okay=False)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Set the business calendars that a file lists: everybody's, and those of single partners.

    The file is taken whole or not at all; calendars that it does not list stay. Tickets that are open
    keep the instant until which their answer was promised.
    """
    from datetime import UTC, datetime

    from models.ids import SYSTEM_USER
    from portal.calendar_file import read_calendars
    from portal.commands.book import open_book
    from settings import load
    from storage.calendar import set_calendar

    entries = read_calendars(file)
    with open_book(load()) as database, database.transaction() as connection:
        at = datetime.now(UTC)
        changed = sum(set_calendar(connection, entry, at=at, by=SYSTEM_USER) for entry in entries)
    if as_json:
        typer.echo(json.dumps({"calendars": len(entries), "changed": changed}))
    else:
        typer.echo(f"{len(entries)} calendar(s) stand as listed, {changed} of them changed.")


@app.command()
def calendars(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False
) -> None:
    """Show the business calendars that response clocks run by."""
    from portal.commands.book import open_book
    from settings import load
    from storage.calendar import list_calendars

    with open_book(load()) as database, database.reading() as connection:
        found = list_calendars(connection)
    if as_json:
        typer.echo(json.dumps([entry.model_dump(mode="json") for entry in found]))
    else:
        _show(found)


def _show(found: "tuple[CalendarEntry, ...]") -> None:
    console = Console()
    if not found:
        console.print("no calendars yet: response clocks run day and night until you import some")
        console.print("with `keydesk import-calendars FILE.yaml`")
        return
    table = Table("whose", "zone", Column("hours", no_wrap=True), "holidays of", "round the clock")
    for entry in found:
        own = entry.calendar
        table.add_row(
            entry.partner_id or "everybody",
            own.time_zone,
            "\n".join(_hours(own)),
            own.holidays_of or "",
            ", ".join(sorted(own.around_the_clock)),
        )
    console.print(table)


def _hours(calendar: "Calendar") -> "Iterator[str]":
    """Days that are alike and follow one another on one line: `mon-thu 08:00-12:00 13:00-18:00`."""
    from itertools import groupby

    from models.calendar import Weekday

    for stretches, alike in groupby(Weekday, lambda day: calendar.hours.get(day, ())):
        days = [day[:3] for day in alike]
        if stretches:
            span = days[0] if len(days) == 1 else f"{days[0]}-{days[-1]}"
            yield " ".join([span, *(f"{h.opens:%H:%M}-{h.closes:%H:%M}" for h in stretches)])

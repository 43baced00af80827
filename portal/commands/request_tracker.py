"""`keydesk rt`: whether Request Tracker is set up for Keydesk, and who of its people is whom of the house."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from integrations.ticket_desk.inspection import Finding
    from settings import Settings

app = typer.Typer(name="rt", help="Request Tracker as a second ticket desk.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Name = Annotated[
    str, typer.Argument(help="Their user name or e-mail at Request Tracker.", metavar="NAME")
]


@app.command()
def check(
    *,
    rehearsal: Annotated[
        bool, typer.Option("--rehearse", help="Also open a ticket there, and close it again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether queues, custom field, rights and people are right. Exit status 1 if something is missing."""
    import asyncio

    from settings import load

    found = asyncio.run(_check(load(), rehearsal=rehearsal, quiet=as_json))
    missing = [finding for finding in found if finding.remedy is not None]
    if as_json:
        typer.echo(json.dumps({"findings": [finding.model_dump() for finding in found]}))
    elif not missing:
        Console().print("Request Tracker is ready.")
    raise typer.Exit(1 if missing else 0)


async def _check(settings: "Settings", *, rehearsal: bool, quiet: bool) -> "list[Finding]":
    from integrations.ticket_desk.inspection import inspect, rehearse
    from models.errors import KeydeskError
    from models.ids import Prefix, new_id
    from portal.commands.book import open_book
    from portal.ticket_desk import open_ticket_desk
    from storage.desk_person import list_people

    desk = open_ticket_desk(settings)
    if desk is None:
        raise KeydeskError(
            "rt_unset",
            "No Request Tracker is set up: set KEYDESK_RT_URL and KEYDESK_RT_TOKEN_FILE.",
        )
    with open_book(settings) as database, database.reading() as connection:
        people = [person.name for person in list_people(connection, desk.name)]
    found = [_show(one, quiet=quiet) async for one in inspect(desk, people)]
    if rehearsal and all(one.remedy is None for one in found):
        key = new_id(Prefix.ACT)
        found += [_show(one, quiet=quiet) async for one in rehearse(desk, key)]
    return found


def _show(finding: "Finding", *, quiet: bool) -> "Finding":
    """At once: a server that is slow to answer is better waited for with something to read."""
    if not quiet:
        mark = "[green]ok[/]" if finding.remedy is None else "[red]no[/]"
        remedy = "" if finding.remedy is None else f"\n   {finding.remedy}"
        Console().print(f"{mark} {escape(finding.what)}{escape(remedy)}")
    return finding


@app.command()
def people(*, as_json: AsJson = False) -> None:
    """List who of Request Tracker's people is whom of the house."""
    from integrations.ticket_desk.request_tracker import DESK
    from portal.commands.book import open_book
    from settings import load
    from storage.desk_person import list_people

    with open_book(load()) as database, database.reading() as connection:
        found = list_people(connection, DESK)
    if as_json:
        typer.echo(json.dumps([person.model_dump() for person in found]))
        return
    for person in found:
        typer.echo(f"{person.name}  {person.user_id}")
    if not found:
        typer.echo("Nobody yet. Name people with `keydesk rt name NAME USER_ID`.")


@app.command("name")
def name_one(
    name: Name,
    user_id: Annotated[str, typer.Argument(help="Whom of the house they are.", metavar="USER_ID")],
) -> None:
    """Let somebody at Request Tracker act as a user of the house, with that user's own roles."""
    from datetime import UTC, datetime

    from integrations.ticket_desk.request_tracker import DESK
    from models.ids import SYSTEM_USER
    from models.outside_ticket import DeskPerson
    from portal.commands.book import open_book
    from settings import load
    from storage.desk_person import name_person

    person = DeskPerson(desk=DESK, name=name, user_id=user_id)
    with open_book(load()) as database, database.transaction() as connection:
        name_person(connection, person, at=datetime.now(UTC), by=SYSTEM_USER)
    typer.echo(f"{name} at Request Tracker is {user_id} here, with that user's roles.")


@app.command()
def forget(name: Name) -> None:
    """Let nobody act under this name any longer."""
    from datetime import UTC, datetime

    from integrations.ticket_desk.request_tracker import DESK
    from models.ids import SYSTEM_USER
    from portal.commands.book import open_book
    from settings import load
    from storage.desk_person import forget_person

    with open_book(load()) as database, database.transaction() as connection:
        forget_person(connection, DESK, name, at=datetime.now(UTC), by=SYSTEM_USER)
    typer.echo(f"{name} at Request Tracker is nobody here now.")

"""`keydesk tickets`: the worklists of the desk at a terminal."""

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from models.ticket import TicketKind
from models.worklist import Worklist

if TYPE_CHECKING:
    from models.ticket import Ticket

app = typer.Typer()

_NONE_YET = "no tickets yet: a cancellation opens one, and so does POST /api/v1/tickets"
_NONE_SUCH = "nothing here; leave out --list, --kind and --search to see every ticket"


@app.command()
def tickets(
    *,
    worklist: Annotated[
        Worklist | None, typer.Option("--list", help="Only the tickets on this list.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Whose list `mine` is: a user's id.")] = None,
    kind: Annotated[TicketKind | None, typer.Option(help="Only of this kind.")] = None,
    search: Annotated[
        str | None,
        typer.Option(help="Beginnings of words in number, title, customer or order number."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all of them as CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """Show tickets, newest first, with how the clock of their first response stands.

    `--list due_soon` is ordered by the instant until which an answer is wanted.
    """
    from datetime import UTC
    from itertools import islice

    from models.ids import SYSTEM_USER
    from models.principal import Principal, Role
    from models.worklist import TicketQuery
    from portal.commands.book import open_book
    from portal.ticket_file import csv_lines
    from settings import load
    from storage.worklist import every_ticket

    if worklist is Worklist.MINE and user is None:
        raise typer.BadParameter("say whose with --user", param_hint="--list mine")
    # Whoever may run commands here sees the whole book.
    reader = Principal(
        user_id=user or SYSTEM_USER, name="keydesk tickets", roles=frozenset({Role.OPERATOR})
    )
    wanted = TicketQuery(kind=kind, worklist=worklist, search=search)
    with open_book(load()) as database:
        every = every_ticket(database, reader, datetime.now(UTC), wanted)
        if as_csv:
            sys.stdout.writelines(csv_lines(every))
            return
        found = list(islice(every, limit))
    if as_json:
        shown = [ticket.model_dump(mode="json", exclude={"contact"}) for ticket in found]
        typer.echo(json.dumps(shown))
    else:
        _show(found, _NONE_YET if wanted == TicketQuery() else _NONE_SUCH)


def _show(found: "list[Ticket]", hint: str) -> None:
    console = Console()
    if not found:
        console.print(hint)
        return
    table = Table(
        Column("ticket", no_wrap=True), "status", "response", "due", "customer", "title", "assignee"
    )
    for ticket in found:
        table.add_row(
            str(ticket.number),
            ticket.status,
            "[red]late[/]" if ticket.response == "late" else ticket.response,
            f"{ticket.respond_by:%Y-%m-%d %H:%M}",
            escape(ticket.customer_name or ""),
            escape(ticket.title),
            ticket.assignee_id or "",
        )
    console.print(table)

"""`keydesk close-statements`: every partner's statement of a month that is over, with its credit notes."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.statement import ClosingStep, Issuer, Statement
    from settings import Settings
    from storage.engine import Database

app = typer.Typer()


@app.command()
def close_statements(
    *,
    month: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m"], help="Up to the end of this month; else the one just over."
        ),
    ] = None,
    until_now: Annotated[
        bool, typer.Option(help="Close the running month up to now; in development only.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be closed, and close nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Close what is due: months left open before it are closed too, each by itself and in their order.

    Safe beside running work, and after being killed: run it again and it goes on. What is closed
    stays closed, and a second run finds nothing to do.
    """
    from datetime import UTC

    from portal.commands.book import open_book
    from settings import issuer_of, load

    settings = load()
    now = datetime.now(UTC)
    until = _until(settings, month, now, until_now=until_now)
    with open_book(settings) as database:
        closing = _preview if dry_run else _close
        statements = closing(database, issuer_of(settings), until, now, Console(stderr=True))
    if as_json:
        shown = [_summary(statement, numbered=not dry_run) for statement in statements]
        result = {"until": until.isoformat(), "dry_run": dry_run, "statements": shown}
        typer.echo(json.dumps(result, ensure_ascii=False))
    else:
        _show(statements, until, dry_run=dry_run)


def close_so_far(settings: "Settings") -> None:
    """What `--until-now` does, without a word: the demo tells it."""
    from datetime import UTC

    from portal.commands.book import open_book
    from settings import issuer_of

    now = datetime.now(UTC)
    until = _until(settings, None, now, until_now=True)
    with open_book(settings) as database:
        _close(database, issuer_of(settings), until, now, Console(quiet=True))


def _until(
    settings: "Settings", month: datetime | None, now: datetime, *, until_now: bool
) -> datetime:
    from datetime import UTC

    from models.errors import Refused
    from rules.statement import month_after, month_of, require_over
    from settings import Mode

    if until_now and month is not None:
        raise typer.BadParameter("Give either a month or --until-now.")
    if until_now and settings.mode is Mode.PRODUCTION:
        raise Refused("running_month_refused", "Production closes whole months only.")
    if until_now:
        return now
    until = month_of(now) if month is None else month_after(month.replace(tzinfo=UTC))
    require_over(until, now)
    return until


def _close(
    database: "Database", issuer: "Issuer", until: datetime, now: datetime, console: Console
) -> list["Statement"]:
    from storage.statement import close_statement

    closed = []
    for step in _steps(database, until, now, console):
        while (statement := close_statement(database, step, issuer)) is not None:
            closed.append(statement)
    _typeset(database, issuer, now, console)
    return closed


def _typeset(database: "Database", issuer: "Issuer", now: datetime, console: Console) -> None:
    """The pages of what was closed, and of what a killed run left without."""
    from activities.statement import StatementActivities

    activities = StatementActivities(database, issuer)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("pages", total=None)
        while made := activities.typeset_papers(now):
            progress.advance(task, made)


def _preview(
    database: "Database", issuer: "Issuer", until: datetime, now: datetime, console: Console
) -> list["Statement"]:
    from storage.statement import preview_statements

    steps = _steps(database, until, now, console)
    return [found for step in steps for found in preview_statements(database, step, issuer)]


def _steps(
    database: "Database", until: datetime, now: datetime, console: Console
) -> "Iterator[ClosingStep]":
    """One step for each account that is due, with a progress bar."""
    from models.statement import ClosingStep
    from storage.statement import due_accounts

    with database.reading() as connection:
        accounts = due_accounts(connection, until)
    with Progress(console=console, transient=True) as progress:
        for account in progress.track(accounts, description="accounts"):
            yield ClosingStep(account=account, until=until, at=now)


def _summary(statement: "Statement", *, numbered: bool) -> dict[str, Any]:
    """Without the lines; a preview gives no numbers, since another closing may take them first."""
    shown = statement.model_dump(mode="json", exclude={"id", "issuer", "lines"})
    notes = shown.pop("credit_notes")
    shown |= {"lines": len(statement.lines), "credit_notes": notes, "id": statement.id}
    if not numbered:
        del shown["number"], shown["id"], shown["issued_at"]
        shown["credit_notes"] = [
            {"original_number": note["original_number"], "total": note["total"]} for note in notes
        ]
    return shown


def _show(statements: list["Statement"], until: datetime, *, dry_run: bool) -> None:
    console = Console()
    if not statements:
        console.print(
            f"Nothing is left to close before {until:%Y-%m-%d %H:%M} UTC.", highlight=False
        )
        return
    table = Table("statement", "partner", "until", "lines")
    for title in ("total", "credit notes", "due"):
        table.add_column(title, justify="right")
    for statement in statements:
        table.add_row(
            "-" if dry_run else statement.number,
            escape(statement.partner.name),
            f"{statement.closes_at:%Y-%m-%d %H:%M}",
            str(len(statement.lines)),
            str(statement.total),
            str(statement.credited),
            str(statement.due),
        )
    console.print(table)
    if dry_run:
        console.print("Nothing was closed: this was a dry run.")

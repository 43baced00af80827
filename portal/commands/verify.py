"""`keydesk verify`: every invariant of the book, on one snapshot, with the rows that break it."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

if TYPE_CHECKING:
    from settings import Settings
    from storage.engine import Database
    from storage.verify import Finding, Report

app = typer.Typer()


@app.command()
def verify(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    limit: Annotated[
        int, typer.Option(min=1, help="How many offending rows of a rule to show.")
    ] = 20,
    files: Annotated[
        bool, typer.Option("--files", help="Read the bytes of every attachment, too.")
    ] = False,
) -> None:
    """Check that the book is right: balances, credits, keys, tenants, verdicts, messages, audit chain.

    Reads one snapshot and changes nothing; safe beside running work. Exit status 1 when a rule is
    broken. What waits too long but is right is a matter for `keydesk stuck`.
    """
    from portal.commands.book import open_book
    from settings import load

    settings = load()
    with open_book(settings) as database:
        report = _examine(database, limit)
        if files:
            found = _files(database, settings, limit)
            report = report.model_copy(update={"findings": (*report.findings, found)})
    if as_json:
        typer.echo(report.model_dump_json())
    else:
        _show(report)
    raise typer.Exit(1 if report.breaches else 0)


def _examine(database: "Database", limit: int) -> "Report":
    from datetime import UTC, datetime

    from storage.invariant import Invariant
    from storage.verify import INVARIANTS, verify

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("verifying", total=len(INVARIANTS))

        def tell(invariant: Invariant) -> None:
            progress.update(task, advance=1, description=f"verifying {invariant.code}")

        return verify(database, datetime.now(UTC), tell, most=limit)


def _files(database: "Database", settings: "Settings", limit: int) -> "Finding":
    from portal.app import now
    from portal.attachment import AttachmentDesk
    from portal.shelf import open_attachments
    from storage.verify import Finding, Offence

    desk = AttachmentDesk(database, open_attachments(settings), settings.attachment_bytes, now)
    with Console(stderr=True).status("reading attachments"):
        lost = list(desk.lost())
    return Finding(
        code="T13",
        sentence="Every attachment that was not withdrawn has its bytes, with their hash.",
        count=len(lost),
        rows=tuple(Offence(subject=each, detail="lost or changed") for each in lost[:limit]),
    )


def _show(report: "Report") -> None:
    console = Console()
    table = Table("rule", "says", "breaches")
    for finding in report.findings:
        mark = f"[red]{finding.count}[/]" if finding.count else "[green]0[/]"
        table.add_row(finding.code, escape(finding.sentence), mark)
    console.print(table)
    for finding in report.breaches:
        _show_breach(console, finding)
    broken = len(report.breaches)
    verdict = (
        f"{broken} of {len(report.findings)} rules are broken" if broken else "the book is right"
    )
    console.print(f"{verdict}; checked at {report.checked_at:%Y-%m-%d %H:%M:%S} UTC")


def _show_breach(console: Console, finding: "Finding") -> None:
    console.print(f"\n[bold red]{finding.code}[/] {escape(finding.sentence)}")
    for row in finding.rows:
        console.print(f"  {escape(row.subject)}: {escape(row.detail)}", soft_wrap=True)
    if finding.count > len(finding.rows):
        console.print(f"  and {finding.count - len(finding.rows)} more; --limit shows them")

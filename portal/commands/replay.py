"""`keydesk policy replay`: every past case decided again under candidate terms; nothing is written."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from portal.commands import policy
from portal.commands.policy import AsJson, PolicyPath

if TYPE_CHECKING:
    from models.replay import ReplayedCase, ReplayReport

_UNSEEN = (
    "Requests that were refused at the door have no case: what a more generous candidate would have"
    " accepted of them is not in these figures."
)

app = policy.app


@app.command()
def replay(
    candidate: PolicyPath,
    *,
    effective: Annotated[
        bool,
        typer.Option(
            "--effective",
            help="Ask only terms in force when the order was placed; else the newest, whatever its date.",
        ),
    ] = False,
    partner: Annotated[
        str | None, typer.Option(help="Only this partner's cases.", metavar="ID")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="How many cases of each currency to list at the most.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Decide every past case again under a candidate: which flip, money by partner, and the list to look at.

    The facts, the instant of receipt and the decisions of people stay as they were; only the terms change.
    """
    report = _replay(candidate, effective=effective, partner_id=partner, most=limit)
    if as_json:
        typer.echo(report.model_dump_json())
    else:
        _show(report, partner)


def _replay(
    candidate: Path, *, effective: bool, partner_id: str | None, most: int
) -> "ReplayReport":
    from portal.commands.book import open_book
    from portal.policy_file import read_policies
    from settings import load
    from storage.replay import count_cases, replay_cases

    listed = read_policies(candidate)
    with (
        open_book(load()) as database,
        database.reading(whole_book=True) as connection,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("cases", total=count_cases(connection, partner_id))
        return replay_cases(
            connection,
            listed.policies,
            partner_id=partner_id,
            effective=effective,
            most=most,
            tell=lambda count: progress.advance(task, count),
        )


def _show(report: "ReplayReport", partner_id: str | None) -> None:
    console = Console()
    if not report.cases:
        whose = f" of partner {partner_id}" if partner_id else ""
        console.print(
            f"There is no past case{whose} yet; cancellations appear here once they were judged."
        )
        return
    told = ", ".join(f"{count} {change}" for change, count in report.changes.items() if count)
    console.print(f"{report.cases} cases: {told}.", highlight=False)
    money = Table("partner", "given back then", "under the candidate", "difference", expand=False)
    for change in report.money:
        money.add_row(
            change.partner_id, str(change.granted_then), str(change.granted), str(change.difference)
        )
    for column in money.columns[1:]:
        column.justify = "right"
    console.print(money)
    if report.to_look_at:
        console.print(_list(report.to_look_at))
    if report.flips > len(report.to_look_at):
        left = report.flips - len(report.to_look_at)
        console.print(f"and {left} more that flip; a higher --limit lists them")
    console.print(_UNSEEN, style="dim")


def _list(cases: "tuple[ReplayedCase, ...]") -> Table:
    table = Table("case", "order", "received", "change", "deadline", "credit", "given back")
    for column in (table.columns[0], table.columns[3]):
        column.overflow = "fold"
    for case in cases:
        table.add_row(
            case.cancellation_id,
            str(case.order_number),
            f"{case.received_at:%Y-%m-%d %H:%M}",
            case.change if case.reason is None else f"{case.change}: {case.reason}",
            f"{case.deadline_then:%Y-%m-%d %H:%M} → {case.deadline:%Y-%m-%d %H:%M}",
            f"{case.credit_then} → {case.credit}",
            f"{case.granted_then} → {case.granted}",
        )
    return table

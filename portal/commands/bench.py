"""`keydesk bench`: the ratios of design.md §10 on this machine, in one run on servers of its own."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from benchmarks.report import Report

app = typer.Typer()


@app.command()
def bench(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print ratios and raw numbers as JSON.")
    ] = False,
    cancellations: Annotated[
        int, typer.Option(min=1, help="Measured cancellations per lap.")
    ] = 200,
    rounds: Annotated[
        int, typer.Option(min=1, help="Rounds; in each, every contestant runs one lap.")
    ] = 3,
    concurrency: Annotated[
        int, typer.Option(min=1, help="How many cancellations are under way at once.")
    ] = 16,
) -> None:
    """Measure cancellations per second against the textbook, DBOS and the engine's floor, and time to a ticket.

    Starts PostgreSQL and Temporal of its own at full durability, removed afterwards. Needs the
    development requirements (make bench installs them). Exit status 1 when the contestants did
    not leave the same in the book, or the book is not right; never because of a time.
    """
    report = _run(cancellations, rounds, concurrency)
    if as_json:
        typer.echo(report.model_dump_json())
    else:
        _show(report)
    if report.breaches or not report.same_end_state:
        Console(stderr=True).print("[red]The contestants did not do the same work rightly.[/]")
        raise typer.Exit(1)


def _run(cancellations: int, rounds: int, concurrency: int) -> "Report":
    from benchmarks.race import Race

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("bench", total=None)
        done = -1

        def tell(what: str) -> None:
            nonlocal done
            done += 1
            progress.update(task, completed=done, total=race.steps, description=what)

        race = Race(cancellations=cancellations, rounds=rounds, concurrency=concurrency, tell=tell)
        return race.run()


def _show(report: "Report") -> None:
    from benchmarks.report import TARGETS, throughput

    console = Console()
    table = Table("measured", "value", "target")
    table.add_row("cancellations per second", f"{report.cancellations_per_s:.1f}", "")
    for name, (target, bound) in TARGETS.items():
        value = getattr(report, name)
        met = value >= target if bound == "at least" else value <= target
        table.add_row(name, f"[{'green' if met else 'red'}]{value:.2f}[/]", f"{bound} {target}")
    console.print(table)
    for name, laps in report.laps.items():
        each = ", ".join(f"{lap.per_s:.1f}" for lap in laps)
        console.print(f"{name}: {throughput(laps):.1f}/s as median of {each}")
    latency = report.latency
    console.print(
        f"time to an open ticket: {latency.ticket_median_ms:.0f} ms; "
        f"start and first task: {latency.floor_median_ms:.0f} ms"
    )
    console.print(f"{report.machine.cpu_count} CPUs, load {report.machine.load_before:.1f} before")


@app.command("bench-bulk")
def bench_bulk(
    *,
    rows: Annotated[int, typer.Option(min=1, help="How many rows each piece works on.")] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Measure long work on a large book: how many seconds a replay of so many cases takes.

    Starts a PostgreSQL of its own at full durability, removed afterwards.
    """
    from benchmarks.bulk import measure

    console = Console(stderr=True)
    with console.status("bench") as status:
        found = measure(rows, status.update)
    if as_json:
        typer.echo(json.dumps([measured.model_dump() for measured in found]))
        return
    table = Table("measured", "rows", "seconds")
    for measured in found:
        table.add_row(measured.what, f"{measured.rows:,}", f"{measured.seconds:.3f}")
    Console().print(table)

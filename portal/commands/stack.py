"""`keydesk up` and the processes it supervises, each of which also runs alone: worker, portal, migrate."""

import contextlib
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

if TYPE_CHECKING:
    from settings import RunningStack, Settings

app = typer.Typer()

_GRACEFUL_SHUTDOWN_S = 3


@app.command()
def up(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the addresses as one line of JSON once ready.")
    ] = False,
) -> None:
    """Start everything: PostgreSQL, Temporal with its UI, worker and portal. Ctrl-C stops it all.

    What KEYDESK_DATABASE_URL and TEMPORAL_ADDRESS point at is used instead of started. A second
    start on the same data directory goes on where the first one was, open workflows included.
    """
    from portal.supervisor import Supervisor
    from processes.interruption import interruptible
    from settings import Settings

    settings = Settings()
    progress = Console(stderr=as_json)
    supervisor = Supervisor(settings, lambda line: _say(progress, line))
    with interruptible():
        try:
            stack = supervisor.start()
            _show(settings, stack, as_json=as_json)
            supervisor.watch()
        except KeyboardInterrupt:
            _say(progress, "stopping")
        finally:
            supervisor.stop()
    _say(progress, "stopped; the data are kept")


@app.command()
def worker() -> None:
    """Run one Temporal worker: workflows and activities. Start as many as you need."""
    import asyncio

    import worker as composition
    from settings import load

    asyncio.run(composition.run(load()))


@app.command()
def portal() -> None:
    """Run the portal: the API, the event door and the pages."""
    import uvicorn

    from settings import load

    settings = load()
    # No access log: download links are in the path, and whoever has one can use it.
    uvicorn.run(
        "portal.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level.lower(),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACEFUL_SHUTDOWN_S,
    )


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema; a second run does nothing."""
    from models.stack import StackError, StackProblem
    from settings import load
    from storage.migration import upgrade

    database_url = load().database_url
    if database_url is None:
        raise StackError(
            StackProblem.NOT_RUNNING,
            "There is no database to migrate.",
            "Set KEYDESK_DATABASE_URL, or start the embedded one with `keydesk up`.",
        )
    upgrade(database_url)


def _say(console: Console, line: str) -> None:
    """A terminal that hung up hears nothing; what is running or stopping goes on."""
    with contextlib.suppress(OSError):
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _show(settings: "Settings", stack: "RunningStack", *, as_json: bool) -> None:
    if as_json:
        # Without the database URL: an external one has a password in it.
        shown = stack.model_dump(mode="json", exclude={"database_url"})
        sys.stdout.write(json.dumps(shown) + "\n")
        sys.stdout.flush()
        return
    console = Console()
    table = Table.grid(padding=(0, 2))
    for name, value in _places(stack):
        table.add_row(name, value)
    console.print(Panel.fit(table, title="Keydesk runs", border_style="green"))
    for command, purpose in _next_steps(settings):
        _say(console, f"{purpose:<22}{command}")


def _places(stack: "RunningStack") -> list[tuple[str, str]]:
    return [
        ("Portal", stack.portal_url),
        ("API documentation", f"{stack.portal_url}/api/docs"),
        ("Temporal UI", stack.temporal_ui_url or stack.temporal_address),
        ("Data directory", str(stack.data_dir)),
    ]


def _next_steps(settings: "Settings") -> list[tuple[str, str]]:
    program = "keydesk" if shutil.which("keydesk") else _shortest(Path(sys.argv[0]))
    if "data_dir" in settings.model_fields_set:
        program = f"KEYDESK_DATA_DIR={settings.data_dir} {program}"
    return [
        (f"{program} demo", "The whole story"),
        (f"{program} token --as admin-agent", "A token for the API"),
        (f"{program} verify", "Check the book"),
        ("Ctrl-C", "Stop everything"),
    ]


def _shortest(program: Path) -> str:
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)

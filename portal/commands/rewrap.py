"""`keydesk rewrap`: the product keys' data keys under the ring's current key, after a rotation."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

if TYPE_CHECKING:
    from storage.endpoint_rewrap import Rewrapper
    from storage.engine import Database
    from storage.rewrap import Rewrapping

app = typer.Typer()

_PATIENCE_S = 30
_SHOWN = 20


@app.command()
def rewrap(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    batch: Annotated[
        int, typer.Option(min=1, max=1000, help="How many keys one transaction takes.")
    ] = 100,
) -> None:
    """Wrap the data key of every product key and endpoint secret under the current key of the ring.

    Keys, states and secrets stay as they are.

    Safe beside running work, and after being killed: run it again and it goes on.
    The exit status is 1 when a key stayed in use all the time or its seal is broken.
    """
    from integrations.cipher.ring import RingCipher
    from integrations.secret_files import ensure_secrets
    from portal.commands.book import open_book
    from settings import load

    settings = load()
    cipher = RingCipher(ensure_secrets(settings).key_ring)
    with open_book(settings) as database:
        result = _rewrap(database, cipher, batch)
    if as_json:
        typer.echo(result.model_dump_json())
    else:
        _show(result)
    raise typer.Exit(1 if result.in_use or result.broken else 0)


def _rewrap(database: "Database", rewrapper: "Rewrapper", batch: int) -> "Rewrapping":
    from datetime import UTC, datetime

    from storage.endpoint_rewrap import count_outdated_secrets
    from storage.rewrap import count_outdated, rewrap_keys

    with database.reading() as connection:
        keys = count_outdated(connection, rewrapper.current)
        secrets = count_outdated_secrets(connection, rewrapper.current)
        total = sum(keys.values()) + sum(secrets.values())
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("keys and secrets", total=total)
        return rewrap_keys(
            database,
            rewrapper,
            lambda: datetime.now(UTC),
            batch_size=batch,
            patience_s=_PATIENCE_S,
            tell=lambda count: progress.advance(task, count),
        )


def _show(result: "Rewrapping") -> None:
    console = Console(highlight=False)
    console.print(f"{result.rewrapped} product keys were wrapped under {result.ring_key!r}")
    if result.secrets:
        console.print(f"{result.secrets} endpoint secrets as well")
    if result.in_use:
        console.print(f"{result.in_use} were in use all the time: run this again")
    for key_id in result.broken[:_SHOWN]:
        console.print(f"{key_id}: its seal is broken, it was left as it is")
    if len(result.broken) > _SHOWN:
        console.print(f"and {len(result.broken) - _SHOWN} more; --json lists them all")

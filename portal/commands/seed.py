"""`keydesk seed`: fill a fresh installation with the demo world."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer()


@app.command()
def seed(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Load the demo data once: partners, users, customers, catalogue, files, policies, product keys.

    What stands already is left as it is; a second run adds nothing. Production refuses.
    """
    from datetime import UTC, datetime

    from demo.load import load as read_demo
    from integrations.cipher.ring import RingCipher
    from integrations.secret_files import ensure_secrets
    from models.errors import Refused
    from portal.commands.book import open_book
    from portal.shelf import open_shelf
    from settings import Mode, load
    from storage.seed import load as load_demo

    settings = load()
    if settings.mode is Mode.PRODUCTION:
        raise Refused("demo_data_refused", "Production takes no demo data.")
    cipher = RingCipher(ensure_secrets(settings).key_ring)
    files = open_shelf(settings)
    with open_book(settings) as database:
        seeded = load_demo(database, read_demo(), cipher, files, datetime.now(UTC))
    if as_json:
        typer.echo(seeded.model_dump_json())
        return
    _show(seeded.model_dump())


def _show(counts: dict[str, int]) -> None:
    table = Table("demo data", "added")
    for name, added in counts.items():
        table.add_row(name.replace("_", " "), str(added))
    Console().print(table)

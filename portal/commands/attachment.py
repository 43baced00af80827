"""`keydesk sweep-attachments`: bytes that no attachment needs, of broken uploads and of what was withdrawn."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

app = typer.Typer()


@app.command("sweep-attachments")
def sweep_attachments(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print the count as JSON.")] = False
) -> None:
    """Delete what uploads that broke off over an hour ago, and withdrawals cut short, left on the shelf.

    Safe beside running work, and to repeat; a daily run is enough.
    """
    from portal.app import now
    from portal.attachment import AttachmentDesk
    from portal.commands.book import open_book
    from portal.shelf import open_attachments
    from settings import load

    settings = load()
    with open_book(settings) as database:
        desk = AttachmentDesk(database, open_attachments(settings), settings.attachment_bytes, now)
        looked_at = track(
            desk.left_behind(), "sweeping", console=Console(stderr=True), transient=True
        )
        swept = sum(desk.discard(left) for left in looked_at)
    typer.echo(json.dumps({"swept": swept}) if as_json else f"files swept: {swept}")

"""`keydesk openapi` and `keydesk docs`: what is committed but written from the code."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

Into = Annotated[Path, typer.Option(help="The directory of the repository.", file_okay=False)]


@app.command()
def openapi(*, into: Into = Path()) -> None:
    """Write openapi.json, the description of the API, from the code."""
    from portal.documents import write

    typer.echo(write(into, "openapi.json"))


@app.command()
def asyncapi(*, into: Into = Path()) -> None:
    """Write asyncapi.json, the description of the events in both directions, from the code."""
    from portal.documents import write

    typer.echo(write(into, "asyncapi.json"))


@app.command()
def docs(*, into: Into = Path()) -> None:
    """Write every document that is made from the code: openapi.json and the tables under docs/."""
    from portal.documents import DOCUMENTS, write

    for name in DOCUMENTS:
        typer.echo(write(into, name))

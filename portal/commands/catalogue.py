"""`keydesk import-catalogue`: products, prices, builds and policies from a YAML file."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

app = typer.Typer()


@app.command()
def import_catalogue(
    file: Annotated[Path, typer.Argument(help="YAML as in demo/catalogue.yaml.", dir_okay=False)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Add or change products with their prices and builds, and add new cancellation policies.

    The file is taken whole or not at all. A policy that stands is never rewritten. Builds are copied
    from `path` beside the file; without one, development makes a sample of `size_bytes`.
    """
    from integrations.files.local import LocalFiles
    from portal.catalogue_file import read_catalogue, shelve
    from portal.commands.book import open_book
    from settings import Mode, load
    from storage.catalogue import upsert_products
    from storage.policy import add_policies

    settings = load()
    listed = read_catalogue(file)
    shelf = LocalFiles(settings.data_dir / "files")
    samples = settings.mode is Mode.DEVELOPMENT
    with open_book(settings) as database:
        products = [
            shelve(product, file.parent, shelf, samples=samples)
            for product in track(
                listed.products, "builds", console=Console(stderr=True), transient=True
            )
        ]
        with database.transaction() as connection:
            upsert_products(connection, products)
            added = add_policies(connection, listed.policies)
    counts = {"products": len(products), "policies_added": added}
    if as_json:
        typer.echo(json.dumps(counts))
    else:
        typer.echo(f"{len(products)} product(s) stand as listed, {added} new policy(ies) added.")

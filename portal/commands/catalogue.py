"""`keydesk import-catalogue`: products, prices, builds and policies from a YAML file."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

app = typer.Typer()


@app.command()
def import_catalogue(
    file: Annotated[Path, typer.Argument(help="YAML as in demo/catalogue.yaml.", dir_okay=False)],
    *,
    offer_withdrawn: Annotated[
        bool, typer.Option(help="Offer listed builds again that were withdrawn or replaced.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Add or change products with their prices and builds, and add new cancellation policies.

    The file is taken whole or not at all. A policy that stands is never rewritten. Builds are copied
    from `path` beside the file, hashed, and held against `size_bytes` and `sha256` where those are
    listed; without a path, development makes a sample of `size_bytes`. Other content for a build that
    is offered replaces it: links to the old one are dead. What was withdrawn stays so.
    """
    from datetime import UTC, datetime

    from portal.catalogue_file import read_catalogue, shelve
    from portal.commands.book import open_book
    from portal.shelf import open_shelf
    from settings import Mode, load
    from storage.catalogue import upsert_products
    from storage.policy import add_policies
    from storage.product_file import add_builds

    settings = load()
    listed = read_catalogue(file)
    shelf = open_shelf(settings)
    samples = settings.mode is Mode.DEVELOPMENT
    with open_book(settings) as database:
        with _progress() as progress:
            products = [
                shelve(
                    product,
                    file.parent,
                    shelf,
                    lambda path, name: progress.open(path, "rb", description=name),
                    samples=samples,
                )
                for product in listed.products
            ]
        builds = [build for product in products for build in product.files]
        with database.transaction() as connection:
            upsert_products(connection, products)
            done = add_builds(
                connection, builds, datetime.now(UTC), offer_withdrawn=offer_withdrawn
            )
            added = add_policies(connection, listed.policies)
    counts = {"products": len(products), "policies_added": added}
    _tell(counts | {f"builds_{name}": n for name, n in done.model_dump().items()}, as_json=as_json)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True)


def _tell(counts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(counts))
        return
    typer.echo(
        f"{counts['products']} product(s) stand as listed, {counts['policies_added']} new policy(ies) added;"
        f" builds: {counts['builds_added']} added, {counts['builds_replaced']} replaced."
    )
    if counts["builds_still_withdrawn"]:
        typer.echo(
            f"{counts['builds_still_withdrawn']} listed build(s) stay withdrawn; --offer-withdrawn offers them again."
        )

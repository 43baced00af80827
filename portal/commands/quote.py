"""`keydesk quote`: what cancelling a software item would bring, as the API's cancellation-quote says it."""

from datetime import datetime
from typing import Annotated

import typer

from models.outlook import Language

app = typer.Typer()


@app.command()
def quote(
    software_id: Annotated[str, typer.Argument(help="The item's id, sft_….")],
    *,
    at: Annotated[
        str | None, typer.Option(help="The instant to think of, with its zone; now when left out.")
    ] = None,
    quantity: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="How many units; all that are left when left out."),
    ] = None,
    lang: Annotated[Language, typer.Option(help="The language.")] = Language.ENGLISH,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole quote.")] = False,
) -> None:
    """Say whether an item can be cancelled, for how much, until when; or why not and what would help."""
    from datetime import UTC

    from portal.commands.book import open_book
    from rules.explanation import explained
    from settings import load
    from storage.quote import quote_software

    instant = datetime.now(UTC) if at is None else _instant(at)
    with open_book(load()) as database, database.reading() as connection:
        found = explained(quote_software(connection, software_id, instant, quantity=quantity), lang)
    typer.echo(found.model_dump_json() if as_json else found.explanation)


def _instant(text: str) -> datetime:
    """The same instants as at the API, so that a clock on the wall is never guessed at."""
    from pydantic import TypeAdapter, ValidationError

    from models.errors import Invalid
    from portal.api.software import Instant

    try:
        return TypeAdapter(Instant).validate_strings(text)
    except ValidationError as error:
        flaw = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise Invalid("invalid_request", f"--at: {flaw['msg']}.") from None

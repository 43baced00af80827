"""`keydesk demo`: the whole story through the public API, on the running stack or on one of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

if TYPE_CHECKING:
    from portal.demo_cast import Cast, House
    from settings import RunningStack, Settings

app = typer.Typer()

_LONG_AGO = timedelta(days=75)
_AGENT, _BOTH, _APPROVER = "usr_alice_admin", "usr_dana_both", "usr_bob_approver"


@app.command()
def demo(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was told as JSON, without the product key.")
    ] = False,
) -> None:
    """Tell the whole story: order, keys, download, cancellation, approval, credit, credit note, revoked key.

    Uses the stack that `keydesk up` runs on this data directory, else starts one of its own and
    stops it again. Exit status 0 only if ledger, key and ticket end right.
    """
    console = Console(stderr=as_json)
    with _stack(console) as stack:
        told = _tell(stack, console, show_key=not as_json)
        breaches = _verify(stack)
    told["breaches"] = breaches
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
    elif not breaches:
        console.print("[bold green]The book is right: no rule of `keydesk verify` is broken.[/]")
    if breaches:
        console.print(f"[bold red]Broken rules: {', '.join(breaches)}.[/] See `keydesk verify`.")
        raise typer.Exit(1)


@contextmanager
def _stack(console: Console) -> "Iterator[RunningStack]":
    """The running one, or one of our own with its data in a temporary directory."""
    from portal.supervisor import own_stack
    from settings import Settings

    settings = Settings()
    running = settings.running_stack()
    if running is not None:
        console.print(f"Using the stack at {running.portal_url}.", highlight=False)
        yield running
        return
    console.print("No stack runs on this data directory; starting one for the length of the story.")
    with own_stack(settings, lambda line: console.print(f"  {line}", style="dim")) as own:
        yield own


def _tell(stack: "RunningStack", console: Console, *, show_key: bool) -> dict[str, Any]:
    from portal.api_client import Api
    from portal.demo import Story

    lines: list[str] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    api = Api(stack.portal_url)
    with Progress(*columns, console=console, transient=True) as progress:

        def say(line: str) -> None:
            lines.append(line)
            progress.console.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)

        story = Story(api, _cast(stack), say, _house(stack), show_key=show_key)
        task = progress.add_task("", total=len(story.sentences))
        chapters = []
        for number, (title, happen) in enumerate(story.sentences, start=1):
            progress.update(task, description=title)
            progress.console.print(f"[bold]{number:>2}. {title}[/]", highlight=False)
            happen()
            progress.advance(task)
            chapters.append({"title": title, "says": lines.copy()})
            lines.clear()
    api.close()
    told = {name: story.facts[name] for name in ("credit", "statement", "credit_note")}
    return {"chapters": chapters} | told


def _cast(stack: "RunningStack") -> "Cast":
    """The demo people, each with a development token, and their portal with its signing secret."""
    from datetime import UTC, datetime

    from pydantic import SecretStr

    from integrations.secret_files import DEMO_SOURCES, ensure_secrets
    from models.errors import Refused
    from portal.demo_cast import Cast
    from portal.token import issue
    from settings import AuthKind, Mode, Settings

    settings = Settings().model_copy(update={"data_dir": stack.data_dir})
    if settings.mode is Mode.PRODUCTION or settings.auth is not AuthKind.DEV:
        raise Refused("dev_tokens_refused", "The demo plays with development tokens only.")
    secrets = ensure_secrets(settings)
    # Development always has one.
    assert secrets.token_secret is not None
    now = datetime.now(UTC)
    agent, both, approver = (
        SecretStr(issue(secrets.token_secret, user_id, now))
        for user_id in (_AGENT, _BOTH, _APPROVER)
    )
    source = DEMO_SOURCES[0]
    return Cast(agent, both, approver, _AGENT, source, secrets.event_secrets[source][0])


def _house(stack: "RunningStack") -> "House":
    """The house closes by its own command; papers outlive a stack that is only for the story."""
    from portal.commands.statement import close_so_far
    from portal.demo_cast import House
    from settings import Settings

    settings = Settings().model_copy(update={"database_url": stack.database_url})
    return House(
        close_month=lambda: close_so_far(settings),
        receive_long_ago=lambda customer_id: _receive_long_ago(settings, customer_id),
        papers=settings.data_dir / "demo",
    )


def _receive_long_ago(settings: "Settings", customer_id: str) -> str:
    """The request alone, dated back; the relay starts its purchase as that of any order left behind."""
    from datetime import UTC, datetime

    from models.ids import Prefix, new_id
    from models.order import OrderDraft, OrderLineDraft
    from portal.commands.book import open_book
    from portal.demo import PRODUCT
    from storage.order import place_order
    from storage.principal import principal_of

    order_id, at = new_id(Prefix.ORDER), datetime.now(UTC) - _LONG_AGO
    line = OrderLineDraft(sku=PRODUCT, quantity=1)
    draft = OrderDraft(customer_id=customer_id, currency="EUR", lines=(line,))
    with open_book(settings) as database:
        with database.reading() as connection:
            agent = principal_of(connection, _AGENT)
        assert agent is not None, "the demo world has its people"
        place_order(database, draft, order_id, agent, at)
    return order_id


def _verify(stack: "RunningStack") -> list[str]:
    """The codes of the rules that the book breaks."""
    from datetime import UTC, datetime

    from storage.engine import Database
    from storage.verify import verify

    database = Database(stack.database_url, pool_size=1)
    try:
        report = verify(database, datetime.now(UTC))
    finally:
        database.close()
    return [finding.code for finding in report.breaches]

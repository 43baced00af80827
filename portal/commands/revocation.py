"""`keydesk save-revocations`, `verify-key`, `revocation-epoch`: the feed in a file, and keys held against it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress

from models.base import Value

if TYPE_CHECKING:
    from models.revocation import KeyCheck
    from portal.revocation import RevocationDesk
    from settings import Settings
    from storage.engine import Database

app = typer.Typer()

Read = TypeVar("Read", bound=Value)
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
_PAGE = 5000
_REVOKED, _UNTRUSTED, _TOO_OLD = 1, 2, 3


@app.command()
def save_revocations(
    feed: Annotated[Path, typer.Argument(help="Where the feed goes, as JSON.", dir_okay=False)],
    keys: Annotated[
        Path, typer.Option("--keys", help="Where the public keys go, as JSON.", dir_okay=False)
    ],
) -> None:
    """Save the whole revocation feed and its public keys, for tools that check keys without a connection.

    Hand the keys over once and by another way than the feed: whoever could change both could forge.
    """
    from models.revocation import SavedRevocations
    from portal.commands.book import open_book
    from settings import load

    settings = load()
    with open_book(settings) as database, Progress(console=Console(stderr=True)) as progress:
        desk = _desk(settings, database)
        task = progress.add_task("revoked keys", total=None)
        pages = []
        for page in desk.read_all(_PAGE):
            pages.append(page)
            progress.update(task, total=page.total, advance=len(page.entries))
    _write(feed, SavedRevocations(pages=tuple(pages)))
    _write(keys, desk.public_keys())
    typer.echo(
        f"{pages[-1].total} revoked key(s), as of {pages[-1].issued_at:%Y-%m-%d %H:%M:%S} UTC."
    )


@app.command()
def verify_key(
    *,
    feed: Annotated[Path, typer.Option(help="The saved feed.", dir_okay=False)],
    keys: Annotated[Path, typer.Option(help="The saved public keys.", dir_okay=False)],
    max_age_hours: Annotated[
        int, typer.Option(min=1, help="How old the feed may be at the most.")
    ] = 48,
    as_json: AsJson = False,
) -> None:
    """Say whether a product key is revoked, by a saved feed alone: no connection, no database.

    The key is asked for, or read from standard input; it is never an argument, which others could see.

    Exit status: 0 not revoked, 1 revoked, 2 the feed or the key cannot be used, 3 the feed is too old.
    """
    from datetime import UTC, datetime, timedelta

    from integrations.signer import untrusted
    from models.revocation import RevocationKeys, SavedRevocations
    from rules.revocation import CLOCK_SKEW, check_key

    saved, public = _read(feed, SavedRevocations), _read(keys, RevocationKeys)
    product_key = _ask_key()
    flaw = untrusted(saved, public)
    if flaw is not None:
        _give_up(f"{feed.name} is not to be trusted: {flaw}.", _UNTRUSTED)
    found = check_key(product_key, saved)
    age = datetime.now(UTC) - found.as_of
    if age < -CLOCK_SKEW:
        _give_up(f"{feed.name} is of a time yet to come: a clock is wrong.", _UNTRUSTED)
    if age > timedelta(hours=max_age_hours):
        _give_up(
            f"{feed.name} is of {found.as_of:%Y-%m-%d %H:%M} UTC, too old. Save it anew.", _TOO_OLD
        )
    typer.echo(found.model_dump_json() if as_json else _told(found))
    raise typer.Exit(_REVOKED if found.revoked else 0)


@app.command()
def revocation_epoch() -> None:
    """Begin a new epoch of the revocation feed: every keyed hash is made anew under a new key.

    Tools that follow the feed are told to read it from its beginning.
    """
    from datetime import UTC, datetime

    from models.ids import SYSTEM_USER
    from portal.commands.book import open_book
    from settings import load
    from storage.revocation import begin_epoch

    with open_book(load()) as database:
        number = begin_epoch(database, datetime.now(UTC), SYSTEM_USER)
    typer.echo(f"Epoch {number} has begun.")


def _desk(settings: "Settings", database: "Database") -> "RevocationDesk":
    from datetime import UTC, datetime

    from integrations.cipher.ring import RingCipher
    from integrations.secret_files import ensure_secrets
    from integrations.signer import Signer
    from portal.revocation import RevocationDesk

    secrets = ensure_secrets(settings)
    return RevocationDesk(
        database,
        RingCipher(secrets.key_ring),
        Signer(secrets.revocation_ring),
        lambda: datetime.now(UTC),
    )


def _write(path: Path, value: Value) -> None:
    """Under another name first: a reader never meets half a file."""
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(value.model_dump_json(), encoding="utf-8")
    unfinished.replace(path)


def _read(path: Path, kind: type[Read]) -> Read:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        _give_up(f"{path.name}: {error.strerror}.", _UNTRUSTED)
    except ValidationError:
        _give_up(f"{path.name} holds nothing of that kind.", _UNTRUSTED)


def _ask_key() -> str:
    from rules.revocation import normal_key

    try:
        terminal = sys.stdin.isatty()
        typed = typer.prompt("Product key", hide_input=True) if terminal else sys.stdin.read()
    except (UnicodeDecodeError, typer.Abort):
        typed = ""
    key = normal_key(typed)
    if key is None:
        _give_up("This is no product key: it has five groups of five characters.", _UNTRUSTED)
    return key


def _told(found: "KeyCheck") -> str:
    if found.revoked_at is not None:
        return f"Revoked at {found.revoked_at:%Y-%m-%d %H:%M:%S} UTC."
    return f"Not revoked as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC."


def _give_up(sentence: str, status: int) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(status)

"""`keydesk take-bounce`: the door for mails that come back, fed by the mail server."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.bounce import BounceAnswer
    from settings import Settings

app = typer.Typer()

_MOST_BYTES = 1024 * 1024
_TRY_LATER = 75
"""EX_TEMPFAIL of sysexits.h: the mail server keeps the message and comes again."""

_MEANING = {
    "taken": "the mail came back; its case shows it, and so does keydesk stuck",
    "noted": "the mail is late on its way, which is noted with it",
    "known": "this mail is known to have come back; nothing was changed",
    "foreign": "not about a mail that we sent to that reader; ignored",
    "no_report": "no report about a mail of ours (RFC 3464); ignored",
}


@app.command()
def take_bounce(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False
) -> None:
    """Take the report of a mail server, from standard input: a mail that it could not deliver.

    For the mailbox that KEYDESK_MAIL_FROM names; the mail server pipes each message to it (docs/runbook.md).
    What is no such report is ignored with exit status 0, so that nobody is answered. Exit status 75: try later.
    """
    from models.errors import KeydeskError
    from settings import load

    raw = sys.stdin.buffer.read(_MOST_BYTES + 1)
    try:
        answer = _take(load(), raw)
    except KeydeskError as error:
        typer.echo(f"not taken, try again later: {error.message}", err=True)
        raise typer.Exit(_TRY_LATER) from None
    typer.echo(json.dumps({"answer": answer}) if as_json else _MEANING[answer])


def _take(settings: "Settings", raw: bytes) -> "BounceAnswer":
    from datetime import UTC, datetime

    from integrations.notifier.bounce import read_bounce
    from integrations.notifier.letter import domain_of
    from models.bounce import BounceAnswer
    from portal.commands.book import open_book
    from storage.bounce import take_bounce

    bounce = read_bounce(raw, domain_of(settings.mail_from)) if len(raw) <= _MOST_BYTES else None
    if bounce is None:
        return BounceAnswer.NO_REPORT
    with open_book(settings) as database:
        return take_bounce(database, bounce, datetime.now(UTC))

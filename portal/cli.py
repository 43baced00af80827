"""The `keydesk` command: gathers the command groups, prints failures as one readable block, leaves cleanly."""

import contextlib
import gc
import logging
import os
import sys

import typer
from pydantic import ValidationError
from rich.box import HORIZONTALS
from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from models.errors import KeydeskError
from models.stack import StackError
from portal.commands import (
    attachment,
    bench,
    bounce,
    calendar,
    catalogue,
    demo,
    documents,
    keys,
    ledger,
    quote,
    replay,
    request_tracker,
    revocation,
    rewrap,
    seed,
    stack,
    statement,
    stock,
    stuck,
    ticket,
    token,
    verify,
)

app = typer.Typer(
    name="keydesk",
    help="Sells on-premises software on behalf of customers and takes it back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# One line per module of portal/commands; each has its own `app` and imports what it needs inside its commands.
# The module replay adds a command to the group of policy.
app.add_typer(stack.app)
app.add_typer(demo.app)
app.add_typer(seed.app)
app.add_typer(catalogue.app)
app.add_typer(replay.app)
app.add_typer(quote.app)
app.add_typer(keys.app)
app.add_typer(stock.app)
app.add_typer(rewrap.app)
app.add_typer(revocation.app)
app.add_typer(token.app)
app.add_typer(verify.app)
app.add_typer(stuck.app)
app.add_typer(ticket.app)
app.add_typer(attachment.app)
app.add_typer(bounce.app)
app.add_typer(calendar.app)
app.add_typer(ledger.app)
app.add_typer(statement.app)
app.add_typer(bench.app)
app.add_typer(request_tracker.app)
app.add_typer(documents.app)


def main() -> None:
    """Run one command and leave with its exit code."""
    _leave(_run())


def _run() -> int:
    try:
        app()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except StackError as error:
        return _complain(error.message, error.hint)
    except KeydeskError as error:
        return _complain(error.message, f"Code: {error.code}")
    except ValidationError as error:
        return _complain(_without_values(error), "The settings are the KEYDESK_* variables.")
    return 0


def _without_values(error: ValidationError) -> str:
    """What is wrong with a value, without the value: it may be a secret."""
    details = error.errors(include_input=False, include_url=False, include_context=False)
    return "\n".join(f"{'.'.join(map(str, d['loc']))} {d['msg']}".strip() for d in details)


def _complain(message: str, hint: str) -> int:
    block = Group(Text(message), Text(), Text(hint, style="bold"))
    # No borders at the sides: paths in the message can be copied.
    Console(stderr=True).print(Panel(block, HORIZONTALS, title="keydesk", border_style="red"))
    return 1


def _leave(code: int) -> None:
    """End the process; the Temporal client's threads can abort CPython before 3.14 while it shuts down."""
    logging.shutdown()
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        # A closed pipe or terminal has nobody to complain to.
        with contextlib.suppress(OSError):
            stream.flush()
    if "temporalio.bridge" in sys.modules:
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()

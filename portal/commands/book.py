"""The book as a command finds it: the database of the settings, at the newest schema, or a clear refusal."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError

from models.errors import Unavailable
from models.stack import StackError, StackProblem
from settings import Settings
from storage.engine import Database
from storage.migration import is_current


@contextmanager
def open_book(settings: Settings) -> Iterator[Database]:
    """The database for the length of one command."""
    if settings.database_url is None:
        raise StackError(
            StackProblem.NOT_RUNNING,
            "Keydesk does not run on this data directory, so there is no book to open.",
            "Start it with `keydesk up`, or set KEYDESK_DATABASE_URL.",
        )
    database = Database(settings.database_url, pool_size=2)
    try:
        _require_schema(settings.database_url)
        yield database
    except OperationalError:
        # The driver's words are cut off: they repeat the address with its user.
        raise Unavailable("database_away", "The database does not answer.") from None
    finally:
        database.close()


def _require_schema(database_url: str) -> None:
    if not is_current(database_url):
        raise StackError(
            StackProblem.STEP_FAILED,
            "The database is not at the schema that this version needs.",
            "Run `keydesk migrate` first.",
        )

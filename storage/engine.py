"""The way to PostgreSQL: one pool per process, transactions, and which constraint said no."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import IntegrityError

# A worker that freezes inside a transaction holds its case's lock: the server ends it, and waiters do not wait
# longer than an activity may take. Readers hold no lock and may be slow.
_SESSION = (
    "-c timezone=UTC -c idle_in_transaction_session_timeout=20s -c lock_timeout=10s"
    " -c statement_timeout=30s"
)
# A server that vanishes without a word (power, network) is given up within seconds, not after the kernel's minutes.
_LINE = {
    "connect_timeout": 3,
    "tcp_user_timeout": 10_000,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
_READ_ONLY = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    " SET LOCAL idle_in_transaction_session_timeout = 0"
)

Fault = Callable[[str], None]
"""Called with `<step>:before` and `<step>:after` around every commit; tests kill the process there."""


def no_fault(point: str) -> None:
    """The hook of every process but a test's victim."""
    del point


class Database:
    """A pool of connections; parameters never appear in error texts, since they may hold contact data."""

    def __init__(self, url: str, *, pool_size: int = 10, fault: Fault = no_fault) -> None:
        self.url = url
        self.fault = fault
        self.engine: Engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=5,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args=_LINE | {"options": _SESSION},
        )

    @contextmanager
    def transaction(self, step: str | None = None) -> Iterator[Connection]:
        """One transaction, committed at the end of the block; a `step` names it to the fault hook."""
        with self.engine.connect() as connection:
            with connection.begin():
                yield connection
                if step:
                    self.fault(f"{step}:before")
            if step:
                self.fault(f"{step}:after")

    @contextmanager
    def reading(self, *, whole_book: bool = False) -> Iterator[Connection]:
        """One consistent view, changing nothing; who reads the whole book may take any time for a statement."""
        with self.engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(_READ_ONLY)
            if whole_book:
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            yield connection

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def constraint_of(error: IntegrityError) -> str | None:
    """The name of the constraint that refused, e.g. `uq_cancellations_one_open`."""
    diagnostics = getattr(error.orig, "diag", None)
    name: str | None = getattr(diagnostics, "constraint_name", None)
    return name

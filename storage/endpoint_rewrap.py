"""Rotation of the key ring for the secrets of webhook endpoints: few rows, wrapped anew batch by batch."""

from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import Connection, Row, func, or_, select, update

from models.cipher import SEAL_VERSION, CipherError, CipherProblem, Sealed
from models.tables.column import table
from models.tables.endpoint import EndpointSecretRow
from storage.cipher import columns_of, sealed_of
from storage.engine import Database

_secrets = table(EndpointSecretRow)


class Rewrapper(Protocol):
    """The part of a cipher that a rotation needs."""

    current: str
    ring_key_ids: frozenset[str]

    def rewrap(self, sealed: Sealed, context: str, holder: str = "") -> Sealed: ...


def count_outdated_secrets(connection: Connection, current: str) -> dict[str, int]:
    """How many secrets wait to be wrapped anew, by the ring key that wraps them now."""
    rows = connection.execute(
        select(_secrets.c.ring_key_id, func.count().label("secrets"))
        .where(or_(_secrets.c.ring_key_id != current, _secrets.c.seal_version < SEAL_VERSION))
        .group_by(_secrets.c.ring_key_id)
    )
    return {row.ring_key_id: row.secrets for row in rows}


def rewrap_secrets(
    database: Database, rewrapper: Rewrapper, batch_size: int, tell: Callable[[int], None]
) -> tuple[int, tuple[str, ...]]:
    """Wrap all outdated secrets under the current ring key: how many, and the ids of those whose seal is broken."""
    rewrapped, broken, after = 0, list[str](), ""
    while True:
        with database.transaction() as connection:
            rows = _outdated(connection, rewrapper.current, after, batch_size)
            spoiled = [row.id for row in rows if not _rewrap(connection, rewrapper, row)]
        if not rows:
            return rewrapped, tuple(broken)
        rewrapped += len(rows) - len(spoiled)
        broken += spoiled
        after = rows[-1].id
        tell(len(rows))


def _outdated(connection: Connection, current: str, after: str, size: int) -> list[Row[Any]]:
    outdated = or_(_secrets.c.ring_key_id != current, _secrets.c.seal_version < SEAL_VERSION)
    query = select(_secrets).where(outdated, _secrets.c.id > after).order_by(_secrets.c.id)
    return list(connection.execute(query.limit(size).with_for_update()))


def _rewrap(connection: Connection, rewrapper: Rewrapper, row: Row[Any]) -> bool:
    try:
        new = rewrapper.rewrap(sealed_of(row), row.id, row.endpoint_id)
    except CipherError as error:
        if error.code != CipherProblem.SEAL_BROKEN:
            raise
        return False
    columns = columns_of(new)
    del columns["ciphertext"]
    connection.execute(update(_secrets).where(_secrets.c.id == row.id).values(columns))
    return True

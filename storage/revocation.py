"""The revocation feed in the book: revoked keys are given their place once they are committed, and pages are read."""

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from models.cipher import CipherError, CipherProblem, Sealed
from models.errors import Refused
from models.ids import SYSTEM_USER
from models.product_key import KeyState
from models.revocation import Revocation
from models.tables.column import table
from models.tables.product_key import ProductKeyRow
from models.tables.record import AuditRow
from models.tables.revocation import RevocationEpochRow, RevocationRow, RevocationWaitingRow
from rules.revocation import digest_of, first_chain
from storage.cipher import holder_of, sealed_of
from storage.engine import Database
from storage.key_import import HOUSE_STREAM

_epochs = table(RevocationEpochRow)
_entries = table(RevocationRow)
_waiting = table(RevocationWaitingRow)
_keys = table(ProductKeyRow)
_audit = table(AuditRow)
_LOCK = "keydesk/revocations"
_BATCH = 5000
_EPOCH_KEY_BYTES = 32

Open = Callable[[Sealed, str, str], str]
"""Opens a sealed product key in its place, its id, for its holder."""


class Epoch(NamedTuple):
    """The epoch in force."""

    number: int
    epoch_key: bytes


class Stretch(NamedTuple):
    """Entries of an epoch, with the chain before and after them and how many the epoch has."""

    epoch: Epoch
    after: int
    entries: tuple[Revocation, ...]
    total: int
    previous_chain: bytes
    chain: bytes


def publish(database: Database, open_key: Open, at: datetime) -> int:
    """Give every committed revocation its place in the feed; how many were new.

    Numbers are drawn for committed revocations only, one publisher at a time, so that a reader who has gone
    past a number never misses one below it.
    """
    published = 0
    while True:
        with database.transaction() as connection:
            if not _unpublished(connection, 1):
                return published
            _lock(connection)
            epoch = _newest(connection) or _begin(connection, at, SYSTEM_USER)
            found = _unpublished(connection, _BATCH)
            added = _publish(connection, epoch, found, open_key, at)
        published += added
        if len(found) < _BATCH or not added:
            return published


def begin_epoch(database: Database, at: datetime, by: str) -> int:
    """A new key for the keyed hashes; every revoked key gets a place under it when the feed is next read."""
    with database.transaction() as connection:
        _lock(connection)
        return _begin(connection, at, by).number


def read_stretch(
    connection: Connection, *, epoch: int | None, after: int, limit: int
) -> Stretch | None:
    """What follows a place in the epoch in force; None before anything was ever revoked.

    Refused for a place in an epoch that is over: its hashes say nothing about what was revoked since.
    """
    newest = _newest(connection)
    if newest is None:
        return None
    if epoch is not None and epoch != newest.number:
        raise Refused(
            "epoch_over",
            "The feed has begun a new epoch; read it from its beginning, without `after`.",
        )
    rows = connection.execute(
        select(_entries)
        .where(_entries.c.epoch == newest.number, _entries.c.number > after)
        .order_by(_entries.c.number)
        .limit(limit)
    ).all()
    total = connection.execute(
        select(func.coalesce(func.max(_entries.c.number), 0)).where(
            _entries.c.epoch == newest.number
        )
    ).scalar_one()
    before = _chain_at(connection, newest, after)
    return Stretch(
        epoch=newest,
        after=after,
        entries=tuple(map(_entry, rows)),
        total=total,
        previous_chain=before,
        chain=bytes(rows[-1].chain) if rows else before,
    )


def _lock(connection: Connection) -> None:
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(_LOCK, 0))))


def _newest(connection: Connection) -> Epoch | None:
    row = connection.execute(
        select(_epochs).order_by(_epochs.c.number.desc()).limit(1)
    ).one_or_none()
    return None if row is None else Epoch(row.number, bytes(row.epoch_key))


def _begin(connection: Connection, at: datetime, by: str) -> Epoch:
    before = _newest(connection)
    epoch = Epoch(before.number + 1 if before else 1, secrets.token_bytes(_EPOCH_KEY_BYTES))
    connection.execute(
        insert(_epochs).values(
            number=epoch.number, epoch_key=epoch.epoch_key, began_at=at, began_by=by
        )
    )
    entry = {
        "stream": HOUSE_STREAM,
        "happened_at": at,
        "actor_id": by,
        "action": "revocations.epoch_began",
        "subject_id": "revocations",
        "details": {"epoch": epoch.number},
    }
    connection.execute(insert(_audit), [entry])
    _await_all(connection)
    return epoch


def _await_all(connection: Connection) -> None:
    """Whatever is revoked wants a place in the new epoch."""
    revoked = select(_keys.c.id).where(_keys.c.state == KeyState.REVOKED)
    statement = upsert(_waiting).from_select(["key_id"], revoked)
    connection.execute(statement.on_conflict_do_nothing())


def _unpublished(connection: Connection, limit: int) -> list[Row[Any]]:
    """What waits, oldest first; keys that did not open the last time stand behind, so they hold nobody up."""
    found = (
        select(_keys)
        .join(_waiting, _waiting.c.key_id == _keys.c.id)
        .order_by(_waiting.c.broken_at.is_not(None), _keys.c.state_at, _keys.c.id)
        .limit(limit)
    )
    return list(connection.execute(found))


def _publish(
    connection: Connection, epoch: Epoch, found: list[Row[Any]], open_key: Open, at: datetime
) -> int:
    values = [value for row in found if (value := _value(row, epoch, open_key, at)) is not None]
    told = {value["key_id"] for value in values}
    if values:
        connection.execute(insert(_entries), values)
        connection.execute(delete(_waiting).where(_waiting.c.key_id.in_(told)))
    broken = {row.id for row in found} - told
    if broken:
        connection.execute(
            update(_waiting)
            .where(_waiting.c.key_id.in_(broken), _waiting.c.broken_at.is_(None))
            .values(broken_at=at)
        )
    return len(values)


def _value(row: Row[Any], epoch: Epoch, open_key: Open, at: datetime) -> dict[str, Any] | None:
    """None for a key whose seal is broken: it must not hold up the others; `keydesk verify` names it."""
    try:
        product_key = open_key(sealed_of(row), row.id, holder_of(row, row.line_id))
        digest = digest_of(product_key, epoch.epoch_key)
    except CipherError as error:
        if error.code != CipherProblem.SEAL_BROKEN:
            raise
        return None
    return {
        "epoch": epoch.number,
        "key_id": row.id,
        "digest": digest,
        "revoked_at": row.state_at.replace(microsecond=0),
        "published_at": at,
    }


def _chain_at(connection: Connection, epoch: Epoch, number: int) -> bytes:
    if number == 0:
        return first_chain(epoch.number, epoch.epoch_key)
    chain = connection.execute(
        select(_entries.c.chain).where(
            _entries.c.epoch == epoch.number, _entries.c.number == number
        )
    ).scalar_one_or_none()
    if chain is None:
        raise Refused("epoch_over", "The feed has no such place; read it from its beginning.")
    return bytes(chain)


def _entry(row: Row[Any]) -> Revocation:
    return Revocation(number=row.number, digest=bytes(row.digest).hex(), revoked_at=row.revoked_at)

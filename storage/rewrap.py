"""Rotation of the key ring in the book: every data key wrapped anew, in small transactions, beside running work."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.errors import LockNotAvailable
from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import OperationalError

from models.base import Value
from models.cipher import SEAL_VERSION, CipherError, CipherProblem
from models.ids import SYSTEM_USER
from models.product_key import KeyState
from models.tables.column import table
from models.tables.product_key import ProductKeyRow
from models.tables.record import AuditRow
from storage.cipher import columns_of, holder_of, sealed_of
from storage.endpoint_rewrap import Rewrapper, count_outdated_secrets, rewrap_secrets
from storage.engine import Database
from storage.key_import import HOUSE_STREAM

_keys = table(ProductKeyRow)
_audit = table(AuditRow)

# The pool is locked as a whole for one batch: a purchase that skipped locked keys would find it dry. Nobody waits long.
_LOCK_POOL = "SET LOCAL lock_timeout = '200ms'; LOCK TABLE product_keys IN EXCLUSIVE MODE"
_PAUSE_S = 0.2


class Rewrapping(Value):
    """What one run did: keys and endpoint secrets rewrapped, keys that others held all the time, broken seals."""

    ring_key: str
    rewrapped: int = 0
    secrets: int = 0
    in_use: int = 0
    broken: tuple[str, ...] = ()


class _Batch(NamedTuple):
    last_id: str
    rewrapped: int
    broken: tuple[str, ...]


def _is_outdated(current: str) -> ColumnElement[bool]:
    return or_(_keys.c.ring_key_id != current, _keys.c.seal_version < SEAL_VERSION)


def count_outdated(connection: Connection, current: str) -> dict[str, int]:
    """How many keys wait to be wrapped anew, by the ring key that wraps them now."""
    rows = connection.execute(
        select(_keys.c.ring_key_id, func.count().label("keys"))
        .where(_is_outdated(current))
        .group_by(_keys.c.ring_key_id)
        .order_by(_keys.c.ring_key_id)
    )
    return {row.ring_key_id: row.keys for row in rows}


def rewrap_keys(
    database: Database,
    rewrapper: Rewrapper,
    clock: Callable[[], datetime],
    *,
    batch_size: int,
    patience_s: float,
    tell: Callable[[int], None],
) -> Rewrapping:
    """Wrap outdated keys and endpoint secrets under the current ring key; keys in use are tried until patience ends.

    Each batch is a transaction of its own and the rows themselves say what is left, so a run that was killed is
    continued by the next one. `tell` hears how many each batch brought.
    """
    with database.transaction() as connection:
        outdated = count_outdated(connection, rewrapper.current)
        secrets = count_outdated_secrets(connection, rewrapper.current)
        _require_ring_keys(outdated, rewrapper.ring_key_ids, "keys")
        _require_ring_keys(secrets, rewrapper.ring_key_ids, "endpoint secrets")
        if not outdated and not secrets:
            return Rewrapping(ring_key=rewrapper.current)
        _record(connection, "keys.rewrap_started", rewrapper.current, clock(), outdated=outdated)
    done, broken = rewrap_secrets(database, rewrapper, batch_size, tell)
    keys = _rewrap_patiently(database, rewrapper, batch_size, patience_s, tell)
    result = keys.model_copy(update={"secrets": done, "broken": keys.broken + broken})
    with database.transaction() as connection:
        counts = {"rewrapped": keys.rewrapped, "secrets": done, "broken": len(result.broken)}
        _record(connection, "keys.rewrapped", rewrapper.current, clock(), **counts)
    return result


def _require_ring_keys(outdated: dict[str, int], ring_key_ids: frozenset[str], what: str) -> None:
    missing = [
        f"{name!r} ({count} {what})" for name, count in outdated.items() if name not in ring_key_ids
    ]
    if missing:
        raise CipherError(
            CipherProblem.RING_KEY_MISSING,
            f"The key ring lacks {', '.join(missing)}; nothing was changed. Put the old ring key back"
            " beside the current one: only it can open what it wrapped.",
        )


def _rewrap_patiently(
    database: Database,
    rewrapper: Rewrapper,
    batch_size: int,
    patience_s: float,
    tell: Callable[[int], None],
) -> Rewrapping:
    rewrapped, broken = 0, set[str]()
    give_up_at = time.monotonic() + patience_s
    while True:
        before = rewrapped
        for batch in _walk(database, rewrapper, batch_size):
            rewrapped += batch.rewrapped
            broken.update(batch.broken)
            tell(batch.rewrapped)
        in_use = _outdated_total(database, rewrapper.current) - len(broken)
        if rewrapped > before:
            give_up_at = time.monotonic() + patience_s
        if in_use <= 0 or time.monotonic() > give_up_at:
            return Rewrapping(
                ring_key=rewrapper.current,
                rewrapped=rewrapped,
                in_use=max(in_use, 0),
                broken=tuple(sorted(broken)),
            )
        time.sleep(_PAUSE_S)


def _outdated_total(database: Database, current: str) -> int:
    with database.reading() as connection:
        return sum(count_outdated(connection, current).values())


def _walk(database: Database, rewrapper: Rewrapper, batch_size: int) -> Iterator[_Batch]:
    """Once over the keys that somebody holds, then over the pool, as far as nobody is in the way."""
    for pool in (False, True):
        after = ""
        while batch := _next_batch(database, rewrapper, after, batch_size, pool=pool):
            yield batch
            after = batch.last_id


def _next_batch(
    database: Database, rewrapper: Rewrapper, after: str, size: int, *, pool: bool
) -> _Batch | None:
    try:
        with database.transaction() as connection:
            if pool:
                connection.exec_driver_sql(_LOCK_POOL)
            rows = _outdated(connection, rewrapper.current, after, size, pool=pool)
            return _rewrap(connection, rewrapper, rows) if rows else None
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            return None
        raise


def _outdated(
    connection: Connection, current: str, after: str, size: int, *, pool: bool
) -> list[Row[Any]]:
    """The next keys that are free to be changed; whoever reads or moves another one is not waited for."""
    in_pool = _keys.c.state == KeyState.AVAILABLE
    query = (
        select(_keys)
        .where(_is_outdated(current), _keys.c.id > after, in_pool if pool else ~in_pool)
        .order_by(_keys.c.id)
        .limit(size)
        .with_for_update(key_share=True, skip_locked=True)
    )
    return list(connection.execute(query))


def _rewrap(connection: Connection, rewrapper: Rewrapper, rows: list[Row[Any]]) -> _Batch:
    changes, broken = [], []
    for row in rows:
        try:
            new = rewrapper.rewrap(sealed_of(row), row.id, holder_of(row, row.line_id))
        except CipherError as error:
            if error.code != CipherProblem.SEAL_BROKEN:
                raise
            broken.append(row.id)
        else:
            columns = columns_of(new)
            del columns["ciphertext"]
            changes.append(columns | {"key": row.id})
    if changes:
        _write(connection, changes)
    return _Batch(last_id=rows[-1].id, rewrapped=len(changes), broken=tuple(broken))


def _write(connection: Connection, changes: list[dict[str, Any]]) -> None:
    # The state is left out, so the trigger that records states is not even asked.
    statement = (
        update(_keys)
        .where(_keys.c.id == bindparam("key"))
        .values({name: bindparam(name) for name in ("wrapped_key", "ring_key_id", "seal_version")})
    )
    connection.execute(statement, changes)


def _record(
    connection: Connection, action: str, current: str, at: datetime, **details: object
) -> None:
    entry = {
        "stream": HOUSE_STREAM,
        "happened_at": at,
        "actor_id": SYSTEM_USER,
        "action": action,
        "subject_id": "product_keys",
        "details": {"ring_key": current, **details},
    }
    connection.execute(insert(_audit), [entry])

"""Bringing product keys into the pool: sealed on the way in, duplicates found by fingerprint."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, and_, func, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from models.cipher import Sealed
from models.ids import Prefix, new_id
from models.key_import import KeyLine, KeyLineResult, KeyVerdict
from models.product_key import KEY_PATTERN, KeyState
from models.tables.catalogue import ProductRow
from models.tables.column import table
from models.tables.product_key import ProductKeyRow
from models.tables.record import AuditRow

_keys = table(ProductKeyRow)
_products = table(ProductRow)
_audit = table(AuditRow)

_SKU = re.compile(r"[A-Za-z0-9_.:\-]{1,64}")
_LOCK = "keydesk/key-import"

HOUSE_STREAM = "house"
"""The audit stream of what belongs to no order."""


class Sealer(Protocol):
    """The part of a cipher that an import needs."""

    def seal(self, plaintext: str, context: str) -> Sealed: ...

    def fingerprint(self, plaintext: str) -> bytes: ...


def add_keys(
    connection: Connection,
    lines: Sequence[KeyLine],
    sealer: Sealer,
    *,
    at: datetime,
    by: str,
    reason: str,
) -> tuple[KeyLineResult, ...]:
    """Add one batch as available keys and judge every line of it; bad lines do not stop good ones."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(_LOCK, 0))))
    known = _known_skus(connection, {line.sku for line in lines})
    fresh: dict[bytes, KeyLine] = {}
    verdicts = {line.row: _judge(line, known, fresh, sealer) for line in lines}
    rows = [_row(line, mark, sealer, at, by, reason) for mark, line in fresh.items()]
    added = _insert(connection, rows)
    verdicts |= {
        line.row: KeyVerdict.DUPLICATE for mark, line in fresh.items() if mark not in added
    }
    return tuple(_result(line, known, verdicts[line.row]) for line in lines)


def record_import(
    connection: Connection, results: Iterable[KeyLineResult], *, at: datetime, by: str
) -> None:
    """Write into the house's audit chain how many keys of which SKU came in."""
    added = Counter(str(result.sku) for result in results if result.verdict is KeyVerdict.ADDED)
    if not added:
        return
    entry = {
        "stream": HOUSE_STREAM,
        "happened_at": at,
        "actor_id": by,
        "action": "keys.imported",
        "subject_id": "product_keys",
        "details": {"added": dict(sorted(added.items()))},
    }
    connection.execute(plain_insert(_audit), [entry])


def stock_levels(connection: Connection) -> dict[str, int]:
    """How many keys of each SKU are available; a SKU without any counts zero."""
    in_stock = and_(_keys.c.sku == _products.c.sku, _keys.c.state == KeyState.AVAILABLE)
    rows = connection.execute(
        select(_products.c.sku, func.count(_keys.c.id).label("available"))
        .join_from(_products, _keys, in_stock, isouter=True)
        .group_by(_products.c.sku)
        .order_by(_products.c.sku)
    )
    return {row.sku: row.available for row in rows}


def _known_skus(connection: Connection, skus: set[str]) -> set[str]:
    # A text that cannot be a SKU is not asked for: PostgreSQL takes no NUL, and a key may stand in its place.
    plausible = [sku for sku in skus if _SKU.fullmatch(sku)]
    found = select(_products.c.sku).where(_products.c.sku.in_(plausible))
    return set(connection.execute(found).scalars())


def _judge(
    line: KeyLine, known: set[str], fresh: dict[bytes, KeyLine], sealer: Sealer
) -> KeyVerdict:
    """The verdict as far as the file tells it; a line that may go in joins the fresh ones."""
    if line.sku not in known:
        return KeyVerdict.UNKNOWN_SKU
    product_key = line.product_key.get_secret_value()
    if not KEY_PATTERN.fullmatch(product_key):
        return KeyVerdict.MALFORMED
    first = fresh.setdefault(sealer.fingerprint(product_key), line)
    return KeyVerdict.ADDED if first is line else KeyVerdict.DUPLICATE


def _result(line: KeyLine, known: set[str], verdict: KeyVerdict) -> KeyLineResult:
    return KeyLineResult(row=line.row, sku=line.sku if line.sku in known else None, verdict=verdict)


def _row(
    line: KeyLine, fingerprint: bytes, sealer: Sealer, at: datetime, by: str, reason: str
) -> dict[str, Any]:
    key_id = new_id(Prefix.KEY)
    product_key = line.product_key.get_secret_value()
    sealed = sealer.seal(product_key, key_id)
    return {
        "id": key_id,
        "sku": line.sku,
        "fingerprint": fingerprint,
        "ciphertext": sealed.ciphertext,
        "wrapped_key": sealed.wrapped_key,
        "ring_key_id": sealed.ring_key_id,
        "last5": product_key[-5:],
        "state": KeyState.AVAILABLE,
        "state_at": at,
        "state_by": by,
        "state_reason": reason,
    }


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> set[bytes]:
    """The fingerprints that were new; whoever was first with a key, also in another transaction, keeps it."""
    if not rows:
        return set()
    statement = (
        insert(_keys)
        .on_conflict_do_nothing(index_elements=["fingerprint"])
        .returning(_keys.c.fingerprint)
    )
    return set(connection.execute(statement, rows).scalars())

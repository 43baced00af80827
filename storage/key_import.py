"""Bringing product keys into the pool: sealed on the way in, duplicates found by fingerprint, files resumed."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, func, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from models.cipher import Sealed
from models.ids import Prefix, new_id
from models.key_import import KeyFile, KeyImport, KeyLine, KeyLineResult, KeyVerdict
from models.product_key import KEY_PATTERN, KeyState
from models.tables.catalogue import ProductRow
from models.tables.column import table
from models.tables.product_key import KeyImportRow, ProductKeyRow
from models.tables.record import AuditRow
from storage.cipher import columns_of

_keys = table(ProductKeyRow)
_imports = table(KeyImportRow)
_products = table(ProductRow)
_audit = table(AuditRow)

_SKU = re.compile(r"[A-Za-z0-9_.:\-]{1,64}")
_LOCK = "keydesk/key-import"

Origin = tuple[str | None, int | None]
"""The import and the row that a key came from."""

HOUSE_STREAM = "house"
"""The audit stream of what belongs to no order."""


class Sealer(Protocol):
    """The part of a cipher that an import needs."""

    def seal(self, plaintext: str, context: str) -> Sealed: ...

    def fingerprint(self, plaintext: str) -> bytes: ...


def begin_import(
    connection: Connection, file: KeyFile, sealer: Sealer, *, at: datetime, by: str
) -> KeyImport:
    """The import of this file: begun now, or the one that an earlier run on the same bytes began."""
    connection.execute(
        insert(_imports)
        .values(
            id=new_id(Prefix.IMPORT),
            fingerprint=sealer.fingerprint(file.sha256),
            last_row=max((line.row for line in file.lines), default=1),
            started_at=at,
            started_by=by,
        )
        .on_conflict_do_nothing()
    )
    begun = find_import(connection, file, sealer)
    assert begun is not None
    return begun


def find_import(connection: Connection, file: KeyFile, sealer: Sealer) -> KeyImport | None:
    """The import that an earlier run on the same bytes began."""
    known = _imports.c.fingerprint == sealer.fingerprint(file.sha256)
    row = connection.execute(select(_imports).where(known)).one_or_none()
    return KeyImport(id=row.id, started_at=row.started_at) if row else None


def judge_keys(
    connection: Connection,
    lines: Sequence[KeyLine],
    sealer: Sealer,
    *,
    source: KeyImport | None = None,
    seen: set[bytes] | None = None,
) -> tuple[KeyLineResult, ...]:
    """What adding this batch would bring, nothing changed; `seen` carries a file's keys from batch to batch."""
    known = _known_skus(connection, {line.sku for line in lines})
    marks = _marks(lines, known, sealer)
    held = _held(connection, marks.values())
    seen = set() if seen is None else seen
    return tuple(
        KeyLineResult(
            row=line.row,
            sku=line.sku if line.sku in known else None,
            verdict=_judge(line, known, marks.get(line.row), held, seen, source),
        )
        for line in lines
    )


def add_keys(
    connection: Connection,
    lines: Sequence[KeyLine],
    sealer: Sealer,
    *,
    at: datetime,
    by: str,
    reason: str,
    source: KeyImport | None = None,
) -> tuple[KeyLineResult, ...]:
    """Add one batch as available keys and judge every line of it; bad lines do not stop good ones.

    A batch of `source` may be given again after a crash: what stands in the pool by that file and row is not
    a duplicate but `added_already`.
    """
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(_LOCK, 0))))
    results = judge_keys(connection, lines, sealer, source=source)
    fresh = {result.row for result in results if result.verdict is KeyVerdict.ADDED}
    rows = [
        _row(line, sealer, source) | {"state_at": at, "state_by": by, "state_reason": reason}
        for line in lines
        if line.row in fresh
    ]
    if rows:
        connection.execute(plain_insert(_keys), rows)
    return results


def record_import(
    connection: Connection,
    results: Iterable[KeyLineResult],
    *,
    at: datetime,
    by: str,
    source: KeyImport | None = None,
) -> None:
    """Write into the house's audit chain how many keys of which SKU came in."""
    added = Counter(str(result.sku) for result in results if result.verdict is KeyVerdict.ADDED)
    if not added:
        return
    details: dict[str, object] = {"added": dict(sorted(added.items()))}
    if source is not None:
        details["import_id"] = source.id
    entry = {
        "stream": HOUSE_STREAM,
        "happened_at": at,
        "actor_id": by,
        "action": "keys.imported",
        "subject_id": "product_keys",
        "details": details,
    }
    connection.execute(plain_insert(_audit), [entry])


def _known_skus(connection: Connection, skus: set[str]) -> set[str]:
    # A text that cannot be a SKU is not asked for: PostgreSQL takes no NUL, and a key may stand in its place.
    plausible = [sku for sku in skus if _SKU.fullmatch(sku)]
    found = select(_products.c.sku).where(_products.c.sku.in_(plausible))
    return set(connection.execute(found).scalars())


def _marks(lines: Sequence[KeyLine], known: set[str], sealer: Sealer) -> dict[int, bytes]:
    """The fingerprint of every line that could go in, by row."""
    texts = {line.row: line.product_key.get_secret_value() for line in lines if line.sku in known}
    return {
        row: sealer.fingerprint(text) for row, text in texts.items() if KEY_PATTERN.fullmatch(text)
    }


def _held(connection: Connection, marks: Iterable[bytes]) -> dict[bytes, Origin]:
    """The keys that are in the book already, with the file and row they came from."""
    found = select(_keys.c.fingerprint, _keys.c.import_id, _keys.c.import_row).where(
        _keys.c.fingerprint.in_(list(marks))
    )
    return {
        bytes(row.fingerprint): (row.import_id, row.import_row) for row in connection.execute(found)
    }


def _judge(
    line: KeyLine,
    known: set[str],
    mark: bytes | None,
    held: dict[bytes, Origin],
    seen: set[bytes],
    source: KeyImport | None,
) -> KeyVerdict:
    if line.sku not in known:
        return KeyVerdict.UNKNOWN_SKU
    if mark is None:
        return KeyVerdict.MALFORMED
    if mark in seen:
        return KeyVerdict.DUPLICATE
    seen.add(mark)
    if mark not in held:
        return KeyVerdict.ADDED
    if source is not None and held[mark] == (source.id, line.row):
        return KeyVerdict.ADDED_ALREADY
    return KeyVerdict.DUPLICATE


def _row(line: KeyLine, sealer: Sealer, source: KeyImport | None) -> dict[str, Any]:
    key_id = new_id(Prefix.KEY)
    product_key = line.product_key.get_secret_value()
    sealed = sealer.seal(product_key, key_id)
    return {
        "id": key_id,
        "sku": line.sku,
        "fingerprint": sealer.fingerprint(product_key),
        "last5": product_key[-5:],
        "import_id": source.id if source else None,
        "import_row": line.row if source else None,
        "state": KeyState.AVAILABLE,
    } | columns_of(sealed)

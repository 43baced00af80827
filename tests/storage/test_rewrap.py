"""Rotation of the key ring: all keys come under the new key, beside buyers and readers, and nothing else changes."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest
from sqlalchemy import Row, func, select

from integrations.cipher.ring import RingCipher
from models.cipher import CipherError, CipherProblem, Sealed
from models.product_key import KeyState
from models.tables.column import table
from models.tables.product_key import KeyEventRow, ProductKeyRow
from models.tables.record import AuditRow
from storage.endpoint_rewrap import Rewrapper
from storage.engine import Database
from storage.product_key import allocate_keys
from storage.reveal import sealed_key
from storage.rewrap import Rewrapping, rewrap_keys
from tests.factories import PER_LINE, PER_UNIT, Story
from tests.fixtures.chapters import tell_all
from tests.fixtures.sealed import Turn, opened, rows_of, swap

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
_POOL = 20
"""How many keys of each SKU the demo world has."""

_keys = table(ProductKeyRow)
_events = table(KeyEventRow)
_audit = table(AuditRow)


def _rewrap(
    database: Database, rewrapper: Rewrapper, *, batch_size: int = 7, patience_s: float = 5
) -> Rewrapping:
    return rewrap_keys(
        database,
        rewrapper,
        lambda: AT,
        batch_size=batch_size,
        patience_s=patience_s,
        tell=lambda count: None,
    )


def _count(database: Database, rows: Any) -> int:
    with database.reading() as connection:
        return connection.execute(select(func.count()).select_from(rows)).scalar_one()


def _besides_wrapping(row: Row[Any]) -> dict[str, Any]:
    wrapping = {"wrapped_key", "ring_key_id"}
    return {name: value for name, value in row._mapping.items() if name not in wrapping}


def test_every_key_of_every_state_comes_under_the_new_ring_key(
    database: Database, cipher: RingCipher, turn: Turn
) -> None:
    tell_all(database)
    before, events = rows_of(database), _count(database, _events)

    result = _rewrap(database, turn("k2"))

    after = rows_of(database)
    assert {row.state for row in before.values()} >= {*KeyState} - {KeyState.QUARANTINED}
    assert result == Rewrapping(ring_key="k2", rewrapped=len(before))
    assert {row.ring_key_id for row in after.values()} == {"k2"}
    alone = turn("k2", without=["k1", "k3"])
    assert {key: opened(row, alone) for key, row in after.items()} == {
        key: opened(row, cipher) for key, row in before.items()
    }
    assert [_besides_wrapping(after[key]) for key in before] == [
        _besides_wrapping(row) for row in before.values()
    ]
    assert _count(database, _events) == events


def test_a_second_run_does_nothing(database: Database, turn: Turn) -> None:
    _rewrap(database, turn("k2"))
    rows, audits = rows_of(database), _count(database, _audit)

    again = _rewrap(database, turn("k2"))

    assert again == Rewrapping(ring_key="k2")
    assert rows_of(database) == rows
    assert _count(database, _audit) == audits


def test_a_run_is_in_the_audit_of_the_house(database: Database, turn: Turn) -> None:
    total = len(rows_of(database))

    _rewrap(database, turn("k2"))

    with database.reading() as connection:
        newest = select(_audit.c.action, _audit.c.details).order_by(_audit.c.id.desc()).limit(2)
        assert [tuple(row) for row in connection.execute(newest)] == [
            ("keys.rewrapped", {"ring_key": "k2", "rewrapped": total, "secrets": 0, "broken": 0}),
            ("keys.rewrap_started", {"ring_key": "k2", "outdated": {"k1": total}}),
        ]


def test_a_ring_that_lacks_a_needed_key_is_refused_and_changes_nothing(
    database: Database, turn: Turn
) -> None:
    rows, audits = rows_of(database), _count(database, _audit)

    with pytest.raises(CipherError) as refused:
        _rewrap(database, turn("k2", without=["k1"]))

    assert refused.value.code == CipherProblem.RING_KEY_MISSING
    assert f"'k1' ({len(rows)} keys)" in refused.value.message
    assert rows_of(database) == rows
    assert _count(database, _audit) == audits


def test_swapped_texts_stay_shut_after_the_rotation(database: Database, turn: Turn) -> None:
    first, second = sorted(rows_of(database))[:2]
    swap(database, first, second, "ciphertext")

    _rewrap(database, turn("k2"))

    for key in (first, second):
        with pytest.raises(CipherError) as refused:
            opened(rows_of(database)[key], turn("k2"))
        assert refused.value.code == CipherProblem.SEAL_BROKEN


def test_swapped_data_keys_are_named_left_alone_and_in_nobodys_way(
    database: Database, turn: Turn
) -> None:
    before = rows_of(database)
    spoilt = sorted(before)[:2]
    swap(database, spoilt[0], spoilt[1], "wrapped_key")

    result = _rewrap(database, turn("k2"), batch_size=1)

    assert result == Rewrapping(
        ring_key="k2", rewrapped=len(before) - len(spoilt), broken=tuple(spoilt)
    )
    assert [key for key, row in rows_of(database).items() if row.ring_key_id == "k1"] == spoilt


def test_a_key_in_use_is_not_waited_for_and_comes_with_the_next_run(
    database: Database, turn: Turn
) -> None:
    story = Story(database, sku=PER_LINE, quantity=1).buy()
    total = len(rows_of(database))
    held = select(_keys.c.id).where(_keys.c.line_id == story.line_id).with_for_update(read=True)

    with database.transaction() as connection:
        connection.execute(held).one()
        # Whoever holds a key holds its table as well: the pool waits for them, other keys do not.
        first = _rewrap(database, turn("k2"), patience_s=0.1)
    second = _rewrap(database, turn("k2"))

    assert first.in_use == total - first.rewrapped
    assert first.in_use >= 1
    assert second == Rewrapping(ring_key="k2", rewrapped=first.in_use)


class _Rotations:
    """The ring turned again and again in a thread of its own, until the block ends."""

    def __init__(self, database: Database, ciphers: Sequence[RingCipher]) -> None:
        self.turns = 0
        self._database = database
        self._ciphers = cycle(ciphers)
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._running: Future[None] | None = None

    def __enter__(self) -> "_Rotations":
        self._running = self._pool.submit(self._turn)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown(wait=True)
        assert self._running is not None
        self._running.result()

    def turning(self) -> bool:
        """False once a rotation failed; leaving the block tells why."""
        return self._running is not None and not self._running.done()

    def _turn(self) -> None:
        while not self._over.is_set():
            result = _rewrap(self._database, next(self._ciphers), batch_size=3)
            assert (result.in_use, result.broken) == (0, ())
            self.turns += 1


def _buy_and_look(database: Database, cipher: RingCipher, rotations: _Rotations) -> set[str]:
    """The two keys of an order as their buyer sees them, again and again while the ring turns once more."""
    story = Story(database, sku=PER_UNIT, quantity=2).buy()
    with database.reading() as connection:
        held = select(_keys.c.id).where(_keys.c.line_id == story.line_id)
        ids = list(connection.execute(held).scalars())
    seen: list[str] = []
    looks, bought_at = 0, rotations.turns
    while looks < 5 or (rotations.turning() and rotations.turns < bought_at + 2):
        if looks < 5:
            story.reveal()
        with database.reading() as connection:
            for key in ids:
                sealed, holder = sealed_key(connection, key)
                seen.append(cipher.open(sealed, key, holder))
        looks += 1
    assert len(ids) == len(set(seen)) == 2
    return set(seen)


def test_buyers_and_readers_notice_no_rotation(
    database: Database, cipher: RingCipher, turn: Turn
) -> None:
    """Exactly as many keys are bought as there are, so a pool that looked dry for a moment would show."""
    before = {key: opened(row, cipher) for key, row in rows_of(database).items()}
    reader = turn("k1")

    with (
        _Rotations(database, [turn("k2"), turn("k3"), turn("k1")]) as rotations,
        ThreadPoolExecutor(3) as pool,
    ):
        buyers = range(_POOL // 2)
        orders = [pool.submit(_buy_and_look, database, reader, rotations) for _ in buyers]
        seen = [key for order in orders for key in order.result()]

    rows = rows_of(database)
    assert sorted(seen) == sorted(before[key] for key, row in rows.items() if row.sku == PER_UNIT)
    assert {key: opened(row, reader) for key, row in rows.items()} == before


class _Pausing:
    """A rewrapper that stops for a moment in the middle of its first batch."""

    def __init__(self, cipher: RingCipher) -> None:
        self.current, self.ring_key_ids = cipher.current, cipher.ring_key_ids
        self.inside = threading.Event()
        self._cipher = cipher

    def rewrap(self, sealed: Sealed, context: str, holder: str = "") -> Sealed:
        if not self.inside.is_set():
            self.inside.set()
            time.sleep(0.5)
        return self._cipher.rewrap(sealed, context, holder)


def test_a_pool_that_is_being_rewrapped_as_a_whole_is_not_dry_to_a_buyer(
    database: Database, turn: Turn
) -> None:
    pausing, story = _Pausing(turn("k2")), Story(database, sku=PER_LINE, quantity=1)
    story.place().charge()

    with ThreadPoolExecutor(1) as pool:
        rotation = pool.submit(_rewrap, database, pausing, batch_size=1000)
        assert pausing.inside.wait(10)
        allocate_keys(database, story.step(story.order_id), turn("k2"))
        rewrapped = rotation.result().rewrapped

    held = [row for row in rows_of(database).values() if row.line_id == story.line_id]
    assert [(row.state, row.ring_key_id) for row in held] == [(KeyState.ALLOCATED, "k2")]
    assert rewrapped == len(rows_of(database))

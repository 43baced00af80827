"""Sealed rows: a sold key opens for its holder only, both versions open, and old ones come under the newest."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from integrations.cipher.ring import RingCipher
from models.cipher import CipherError, CipherProblem, Sealed
from models.errors import Unavailable
from models.tables.column import table
from models.tables.product_key import ProductKeyRow
from storage.endpoint_rewrap import Rewrapper
from storage.engine import Database
from storage.product_key import allocate_keys
from storage.rewrap import Rewrapping, rewrap_keys
from tests.factories import OTHER_BUYER, OTHER_CUSTOMER, PER_LINE, Story
from tests.fixtures.chapters import tell_all
from tests.fixtures.sealed import Turn, first_version, opened, rows_of, swap

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)

_keys = table(ProductKeyRow)


def _rewrap(database: Database, rewrapper: Rewrapper) -> Rewrapping:
    return rewrap_keys(
        database, rewrapper, lambda: AT, batch_size=7, patience_s=5, tell=lambda count: None
    )


class _Dying:
    """A rewrapper that dies after so many keys, in the middle of a batch."""

    def __init__(self, cipher: RingCipher, after: int) -> None:
        self.current, self.ring_key_ids = cipher.current, cipher.ring_key_ids
        self._cipher, self._left = cipher, after

    def rewrap(self, sealed: Sealed, context: str, holder: str = "") -> Sealed:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        return self._cipher.rewrap(sealed, context, holder)


def test_seals_of_the_first_version_open_and_come_under_the_newest(
    database: Database, cipher: RingCipher
) -> None:
    """As a database is after the upgrade that brought versions: the ring stays, the seals learn their holders."""
    tell_all(database)
    before = {key: opened(row, cipher) for key, row in rows_of(database).items()}
    first_version(database, cipher)
    old = rows_of(database)
    assert {row.seal_version for row in old.values()} == {1}
    assert {key: opened(row, cipher) for key, row in old.items()} == before

    with pytest.raises(KeyboardInterrupt):
        _rewrap(database, _Dying(cipher, after=20))
    halfway = rows_of(database)
    rest = _rewrap(database, cipher)

    assert rest.rewrapped == len(before) - 14, "two whole batches stayed"
    assert {row.seal_version for row in halfway.values()} == {1, 2}
    assert {key: opened(row, cipher) for key, row in halfway.items()} == before
    new = rows_of(database)
    assert {row.seal_version for row in new.values()} == {2}
    assert {key: opened(row, cipher) for key, row in new.items()} == before
    assert _rewrap(database, cipher) == Rewrapping(ring_key="k1")


def test_a_first_version_key_that_is_sold_is_sealed_for_its_buyer(
    database: Database, cipher: RingCipher
) -> None:
    first_version(database, cipher)
    story = Story(database, sku=PER_LINE, quantity=1).buy()

    (row,) = (row for row in rows_of(database).values() if row.line_id == story.line_id)

    assert row.seal_version == 2
    assert cipher.fingerprint(opened(row, cipher)) == row.fingerprint


def test_a_row_that_is_made_another_tenants_stays_shut(
    database: Database, cipher: RingCipher
) -> None:
    own = Story(database, sku=PER_LINE, quantity=1).buy()
    theirs = Story(database, sku=PER_LINE, quantity=1).place(OTHER_BUYER, OTHER_CUSTOMER)
    theirs.charge().deliver()
    with database.transaction() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        rows = connection.execute(select(_keys).where(_keys.c.line_id == theirs.line_id)).one()
        place = {n: getattr(rows, n) for n in ("line_id", "order_id", "partner_id", "customer_id")}
        connection.execute(update(_keys).where(_keys.c.id == rows.id).values(unit_number=2))
        moved = update(_keys).where(_keys.c.line_id == own.line_id).values(place)
        moved_id = connection.execute(moved.returning(_keys.c.id)).scalar_one()

    with pytest.raises(CipherError) as refused:
        opened(rows_of(database)[moved_id], cipher)
    assert refused.value.code == CipherProblem.SEAL_BROKEN
    # Saying that it is of the first version, which knew no holder, does not help.
    with database.transaction() as connection:
        connection.execute(update(_keys).where(_keys.c.id == moved_id).values(seal_version=1))
    with pytest.raises(CipherError):
        opened(rows_of(database)[moved_id], cipher)
    assert _rewrap(database, cipher).broken == (moved_id,)


def test_a_broken_key_of_the_pool_is_not_sold(database: Database) -> None:
    first, second, third = sorted(
        row.id for row in rows_of(database).values() if row.sku == PER_LINE
    )[:3]
    swap(database, first, second, "wrapped_key")

    story = Story(database, sku=PER_LINE, quantity=1).buy()

    sold = [row.id for row in rows_of(database).values() if row.line_id == story.line_id]
    assert sold == [third]


def test_a_worker_that_lacks_the_ring_key_sells_nothing_and_tries_again(
    database: Database, turn: Turn
) -> None:
    _rewrap(database, turn("k2"))
    story = Story(database, sku=PER_LINE, quantity=1).place().charge()
    step = story.step(story.order_id)

    with pytest.raises(Unavailable, match="no key 'k2'") as refused:
        allocate_keys(database, step, turn("k1", without=["k2"]))

    assert not refused.value.permanent
    assert allocate_keys(database, step, turn("k2")).allocated

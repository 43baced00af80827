"""Stock: counted by state, an alert for each fall below the threshold, and who can be served again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from demo.keys import sample_keys
from integrations.cipher.ring import RingCipher
from models.errors import Invalid
from models.ids import SYSTEM_USER
from models.key_import import KeyLine
from models.notice import NoticeKind
from models.stock import Stock
from models.tables.column import table
from models.tables.record import OutboxRow
from models.tables.stock import StockAlertRow
from storage import product_key
from storage.engine import Database
from storage.key_import import add_keys
from storage.stock import clear_alerts, servable, set_threshold, stock_levels
from storage.verify import verify
from tests.factories import PER_LINE, PER_UNIT, PLACED_AT, Story
from tests.fixtures.ring import CIPHER

LOW = 15
IN_STOCK = 20

_alerts, _outbox = table(StockAlertRow), table(OutboxRow)


def level(database: Database, sku: str = PER_UNIT) -> Stock:
    with database.reading() as connection:
        return next(found for found in stock_levels(connection, LOW) if found.sku == sku)


def notices(database: Database) -> list[list[dict[str, object]]]:
    with database.reading() as connection:
        told = select(_outbox.c.facts).where(_outbox.c.kind == NoticeKind.STOCK_LOW)
        found = connection.execute(told.order_by(_outbox.c.sequence))
        return [facts["levels"] for facts in found.scalars()]


def take(database: Database, quantity: int, sku: str = PER_UNIT) -> None:
    """An order takes keys, by the effect itself."""
    story = Story(database, sku=sku, quantity=quantity).place().charge()
    product_key.allocate_keys(database, story.step(story.order_id), CIPHER, LOW)


def fill(database: Database, cipher: RingCipher, count: int, seed: int) -> None:
    """An import brings keys."""
    keys = sample_keys(PER_UNIT, count, seed=seed)
    lines = [KeyLine(row=n, sku=PER_UNIT, product_key=SecretStr(k)) for n, k in enumerate(keys, 2)]
    with database.transaction() as connection:
        add_keys(connection, lines, cipher, at=PLACED_AT, by=SYSTEM_USER, reason="a test")
        clear_alerts(connection, {PER_UNIT}, LOW, at=PLACED_AT)


def test_keys_are_counted_by_state(database: Database) -> None:
    Story(database, sku=PER_UNIT, quantity=4).buy().cancel()
    Story(database, sku=PER_UNIT, quantity=2).buy().request().decide().suspend()
    Story(database, sku=PER_UNIT, quantity=1).buy()

    found = level(database)

    assert (found.available, found.allocated, found.suspended, found.revoked) == (13, 1, 2, 4)
    assert (found.threshold, found.low) == (LOW, True)
    assert not level(database, PER_LINE).low


def test_a_fall_below_the_threshold_is_told_once(database: Database) -> None:
    take(database, IN_STOCK - LOW)
    assert notices(database) == []

    take(database, 1)
    take(database, 1)

    assert notices(database) == [[{"sku": PER_UNIT, "left": 14, "below": LOW}]]
    assert verify(database, PLACED_AT + timedelta(minutes=5)).breaches == ()


def test_it_is_told_again_after_the_pool_was_filled(database: Database, cipher: RingCipher) -> None:
    take(database, IN_STOCK - LOW + 1)
    fill(database, cipher, 2, seed=101)
    take(database, 1)
    assert len(notices(database)) == 1, "15 left is not low"

    take(database, 1)

    assert len(notices(database)) == 2
    with database.reading() as connection:
        cleared = connection.execute(select(_alerts.c.cleared_at).order_by(_alerts.c.id)).scalars()
        assert [at is None for at in cleared] == [False, True]


def test_a_filling_that_is_not_enough_ends_no_alert(database: Database, cipher: RingCipher) -> None:
    take(database, IN_STOCK - LOW + 3)
    fill(database, cipher, 2, seed=101)
    take(database, 1)

    assert len(notices(database)) == 1


def test_orders_that_fall_below_together_are_told_of_once(database: Database) -> None:
    stories = [Story(database, sku=PER_UNIT, quantity=1).place().charge() for _ in range(10)]

    def allocate(story: Story) -> None:
        product_key.allocate_keys(database, story.step(story.order_id), CIPHER, LOW)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(allocate, stories))

    assert notices(database) == [[{"sku": PER_UNIT, "left": 14, "below": LOW}]]


def test_a_sku_may_have_a_threshold_of_its_own(database: Database) -> None:
    with database.transaction() as connection:
        set_threshold(connection, PER_UNIT, 19, at=PLACED_AT, by=SYSTEM_USER)
    with database.transaction() as connection:
        set_threshold(connection, PER_UNIT, 18, at=PLACED_AT, by=SYSTEM_USER)

    take(database, 2)
    assert (level(database).threshold, notices(database)) == (18, [])
    take(database, 1)

    assert notices(database) == [[{"sku": PER_UNIT, "left": 17, "below": 18}]]


def test_a_threshold_of_nothing_never_alerts(database: Database) -> None:
    with database.transaction() as connection:
        set_threshold(connection, PER_UNIT, 0, at=PLACED_AT, by=SYSTEM_USER)

    take(database, IN_STOCK)

    assert notices(database) == []


def test_a_threshold_is_for_something_that_is_sold(database: Database) -> None:
    with database.transaction() as connection, pytest.raises(Invalid, match="no product"):
        set_threshold(connection, "NOPE:0001", 3, at=PLACED_AT, by=SYSTEM_USER)


def test_an_order_can_be_served_once_the_pool_has_enough_for_all_of_it(
    database: Database, cipher: RingCipher
) -> None:
    story = Story(database, sku=PER_UNIT, quantity=IN_STOCK + 2).place().charge()

    def waiting() -> list[str]:
        with database.reading() as connection:
            return servable(connection)

    assert waiting() == [], "nobody has found the pool dry yet"
    story.report_dry_stock()
    fill(database, cipher, 1, seed=101)
    assert waiting() == []
    fill(database, cipher, 1, seed=102)
    assert waiting() == [f"purchase:{story.order_id}"]
    story.deliver()
    assert waiting() == []

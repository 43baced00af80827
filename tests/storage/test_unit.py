"""Units in the book: any row of partial cancellations agrees with a model, to the key and to the cent."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import Connection, text

from demo.keys import sample_keys
from integrations.cipher.ring import RingCipher
from models.decision import Verdict
from models.errors import Invalid, KeydeskError, Refused
from models.ids import SYSTEM_USER
from models.key_import import KeyLine
from models.product_key import KeyState
from models.software import SoftwareStatus
from storage.cancellation_view import find_cancellation, list_credits
from storage.engine import Database
from storage.key_import import add_keys
from storage.order_view import find_order
from storage.policy import add_policies
from storage.quote import quote_software
from storage.software_view import find_software
from storage.verify import verify
from tests.factories import BUYER, PARTS, PER_LINE, PER_UNIT, PLACED_AT, Story
from tests.fixtures.postgres import copy_of
from tests.fixtures.terms import single_units

PRICE = 108_999


@pytest.fixture
def book(database: Database) -> Database:
    with database.transaction() as connection:
        add_policies(connection, [single_units()])
    return database


@pytest.fixture
def story(book: Database) -> Story:
    return Story(book, sku=PARTS, quantity=5).buy()


@pytest.fixture(scope="module")
def stocked(postgres: Any, demo_template: str, cipher: RingCipher) -> Iterator[Database]:
    """One book for many orders."""
    with copy_of(postgres, demo_template) as database:
        keys = [SecretStr(key) for key in sample_keys(PARTS, 300, seed=9)]
        lines = [KeyLine(row=n, sku=PARTS, product_key=key) for n, key in enumerate(keys)]
        with database.transaction() as connection:
            add_policies(connection, [single_units()])
            add_keys(connection, lines, cipher, at=PLACED_AT, by=SYSTEM_USER, reason="import")
        yield database


class Wish(NamedTuple):
    """One more request of the line: what is asked for, how it ends, and whose key is looked at before."""

    asked: dict[str, Any]
    ending: str
    seen: int


wishes = st.builds(
    Wish,
    st.one_of(
        st.just({}),
        st.builds(lambda count: {"quantity": count}, st.integers(1, 7)),
        st.builds(
            lambda units: {"units": tuple(sorted(units))},
            st.sets(st.integers(1, 7), min_size=1, max_size=4),
        ),
    ),
    st.sampled_from(["credited", "for less", "declined", "compensated"]),
    st.integers(1, 6),
)


class Model:
    """What must be so: which units are left, which were seen, and what was given back."""

    def __init__(self, quantity: int) -> None:
        self.left = set(range(1, quantity + 1))
        self.seen = set[int]()
        self.credited = list[int]()

    def expected(self, asked: dict[str, Any]) -> set[int] | str:
        """The units that go, or the code of the refusal."""
        count = asked.get("quantity", len(asked.get("units", self.left)))
        if not self.left:
            return "already_cancelled"
        if count > len(self.left):
            return "quantity_exceeds_remaining"
        if "units" in asked:
            units = set(asked["units"])
            return units if units <= self.left else "unit_not_left"
        unseen = sorted(self.left - self.seen, reverse=True)
        return set((unseen + sorted(self.left & self.seen, reverse=True))[:count])


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 6), st.lists(wishes, min_size=1, max_size=5))
def test_any_row_of_partial_cancellations_agrees_with_a_model(
    stocked: Database, quantity: int, row: list[Wish]
) -> None:
    story, model = Story(stocked, sku=PARTS, quantity=quantity).buy(), Model(quantity)
    for wish in row:
        if wish.seen in model.left - model.seen:
            story.reveal(unit=wish.seen)
            model.seen.add(wish.seen)
        _follow(story.again(), model, wish)
        _assert_agreed(story, model)
    breaches = verify(stocked, story.at).breaches
    assert [(breach.code, breach.rows) for breach in breaches] == []


def _follow(story: Story, model: Model, wish: Wish) -> None:
    expected = model.expected(wish.asked)
    if isinstance(expected, str):
        with pytest.raises(KeydeskError) as refused:
            story.receive(**wish.asked)
        assert refused.value.code == expected
        return
    story.request(**wish.asked)
    with story.database.reading() as connection:
        case = find_cancellation(connection, story.person(BUYER), story.cancellation_id)
    assert case is not None
    assert set(case.units) == expected
    assert (case.quantity, case.requested_amount.amount_minor) == (
        len(expected),
        PRICE * len(expected),
    )
    if wish.ending == "declined":
        story.decide(Verdict.DECLINED)
    elif wish.ending == "compensated":
        story.decide().suspend().compensate()
    else:
        amount = 1 if wish.ending == "for less" else PRICE * len(expected)
        story.decide(amount_minor=amount).suspend().credit().revoke().close()
        model.left -= expected
        model.credited.append(amount)


def _assert_agreed(story: Story, model: Model) -> None:
    with story.database.reading() as connection:
        item = find_software(connection, story.person(BUYER), story.software_id)
        order = find_order(connection, story.order_id)
        booked = list_credits(connection, story.person(BUYER), order_id=story.order_id)
        states = dict(_keys(connection, story))
    assert item is not None
    assert order is not None
    (line,) = order.lines
    assert {unit for unit, state in states.items() if state == KeyState.ALLOCATED} == model.left
    assert set(states.values()) <= {KeyState.ALLOCATED, KeyState.REVOKED}
    assert sorted(one.amount.amount_minor for one in booked) == sorted(model.credited)
    assert sum(model.credited) <= line.total.amount_minor
    assert line.cancelled_quantity == item.cancelled_quantity == line.quantity - len(model.left)
    assert (line.cancelled_at is None) is bool(model.left)
    assert item.status == (SoftwareStatus.ACTIVE if model.left else SoftwareStatus.CANCELLED)


def _keys(connection: Connection, story: Story) -> list[tuple[int, str]]:
    found = connection.execute(
        text("SELECT unit_number, state FROM product_keys WHERE line_id = :line"),
        {"line": story.line_id},
    )
    return [(row.unit_number, row.state) for row in found]


def test_the_item_and_its_links_end_with_the_last_unit_only(story: Story) -> None:
    story.share().cancel(quantity=4)
    assert _item(story) == (SoftwareStatus.ACTIVE, 1)

    story.again().request().decide().suspend()
    assert _item(story) == (SoftwareStatus.SUSPENDED, 1)

    story.credit().revoke().close().finish()
    assert _item(story) == (SoftwareStatus.CANCELLED, 0)
    with story.database.reading() as connection:
        order = find_order(connection, story.order_id)
    assert order is not None
    assert order.status == "cancelled"


def test_an_order_with_a_unit_left_becomes_final(story: Story) -> None:
    story.cancel(quantity=4).finish()

    with story.database.reading() as connection:
        order = find_order(connection, story.order_id)
    assert order is not None
    assert order.status == "final"


def _item(story: Story) -> tuple[str, int]:
    """The item's status, and how many links to it are alive."""
    sql = (
        "SELECT s.status, count(d.id) FILTER (WHERE d.revoked_at IS NULL) AS links FROM software_items s"
        " LEFT JOIN download_links d ON d.software_id = s.id WHERE s.id = :item GROUP BY s.id"
    )
    with story.database.reading() as connection:
        row = connection.execute(text(sql), {"item": story.software_id}).one()
    return row.status, row.links


def test_a_seen_key_stands_only_in_the_way_of_its_own_unit(book: Database) -> None:
    with book.transaction() as connection:
        terms = {"id": "pol_parts_2", "version": 2, "effective_from": "2026-01-02T00:00:00Z"}
        add_policies(connection, [single_units(**terms, refuse_revealed_key=True)])
    story = Story(book, sku=PARTS, quantity=3).buy().reveal(unit=3)

    with pytest.raises(Refused, match="revealed"):
        story.receive()
    with pytest.raises(Refused, match="revealed"):
        story.receive(units=(3,))
    story.cancel(quantity=2)

    with book.reading() as connection:
        case = find_cancellation(connection, story.person(BUYER), story.cancellation_id)
        rest = quote_software(connection, story.software_id, story.at)
    assert case is not None
    assert case.units == (1, 2)
    assert (rest.reason, rest.facts.cancelled_quantity) == ("key_revealed", 2)


@pytest.mark.parametrize("sku", [PER_LINE, PER_UNIT], ids=["one key", "terms for whole lines"])
def test_a_line_that_is_not_divisible_goes_as_a_whole(book: Database, sku: str) -> None:
    story = Story(book, sku=sku, quantity=3).buy()

    for asked in ({"quantity": 2}, {"units": (1,)}):
        with pytest.raises(Refused) as refused:
            story.receive(**asked)
        assert refused.value.code == "quantity_not_divisible"
    story.cancel(quantity=3).finish()
    assert verify(book, story.at).breaches == ()


def test_more_units_than_are_left_are_the_requests_own_fault(story: Story) -> None:
    story.cancel(quantity=3).again()

    with pytest.raises(Invalid) as refused:
        story.receive(quantity=3)

    assert refused.value.code == "quantity_exceeds_remaining"
    assert refused.value.facts["remaining"] == 2

"""A replay asks the terms that the book itself would have sold under, batch by batch."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from demo.load import OTHER_REGIMES, load_policies
from models.catalogue import Family
from models.tables.catalogue import ProductRow
from models.tables.column import table
from rules.replay import candidate_for
from storage import replay
from storage.engine import Database
from storage.policy import add_policies, list_policies, policies_in_force
from tests.factories import Story
from tests.fixtures.terms import two_people

products = table(ProductRow)


@pytest.fixture
def regimes(database: Database) -> Database:
    """Three regimes of both families, and terms of their own for one SKU from 2020 on."""
    named = two_people(effective_from=datetime(2020, 1, 1, tzinfo=UTC))
    later = [policy for stem in OTHER_REGIMES for policy in load_policies(stem)]
    with database.transaction() as connection:
        add_policies(connection, [*later, named])
    return database


@pytest.mark.parametrize(
    "placed_at",
    [
        datetime(2017, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2018, 1, 1, tzinfo=UTC),
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(2021, 6, 1, tzinfo=UTC),
        datetime(2022, 7, 10, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2022, 7, 11, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
    ],
)
def test_terms_in_force_are_those_the_book_sells_under(
    regimes: Database, placed_at: datetime
) -> None:
    with regimes.reading() as connection:
        rows = connection.execute(select(products.c.sku, products.c.family))
        sold = {row.sku: row.family for row in rows}
        in_force = policies_in_force(connection, sold, placed_at)
        candidates = list_policies(connection)

    for sku, family in sold.items():
        found = candidate_for(candidates, Family(family), sku, placed_at)
        row = in_force.get(sku)
        assert (found and found.id) == (row and row.id)


def test_cases_are_told_batch_by_batch(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_BATCH", 2)
    for _ in range(3):
        Story(database, quantity=1).buy().request()
    heard: list[int] = []

    with database.reading(whole_book=True) as connection:
        report = replay.replay_cases(connection, load_policies(), tell=heard.append)

    assert heard == [2, 1]
    assert report.cases == 3

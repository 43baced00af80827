"""Builds in the book: one offered to a combination, no content rewritten, and what was withdrawn stays so."""

from datetime import timedelta

import pytest

from models.catalogue import Family, KeyMode, Product, ProductFile
from models.errors import NotFound, Refused
from models.principal import Principal, Role
from storage.catalogue import upsert_products
from storage.engine import Database
from storage.product_file import BuildCounts, add_builds, files_of, find_offered, withdraw_build
from storage.verify import verify
from tests.factories import OPERATOR, PLACED_AT

SKU = "TEST00000001:0001"
PRODUCT = Product(
    sku=SKU,
    product_id="TEST00000001",
    title="A product",
    publisher="A publisher",
    family=Family.PERPETUAL,
    key_mode=KeyMode.PER_LINE,
    term_duration=None,
    maximum_quantity=10,
)
STAFF = Principal(
    user_id=OPERATOR,
    name="Olga",
    roles=frozenset({Role.OPERATOR}),
    partner_id=None,
    customer_id=None,
)


def build(number: int, content: str = "0", language: str = "en-US") -> ProductFile:
    """A build whose content is told by one hexadecimal digit."""
    return ProductFile(
        id=f"fil_{number}",
        sku=SKU,
        version="2022",
        language=language,
        bitness="64",
        file_name="build.iso",
        size_bytes=1,
        sha256=content * 64,
    )


@pytest.fixture
def book(database: Database) -> Database:
    """A book with one product and no build of it."""
    with database.transaction() as connection:
        upsert_products(connection, [PRODUCT])
    return database


def add(database: Database, *builds: ProductFile, offer_withdrawn: bool = False) -> BuildCounts:
    """Import builds."""
    with database.transaction() as connection:
        return add_builds(connection, builds, PLACED_AT, offer_withdrawn=offer_withdrawn)


def offered(database: Database) -> tuple[ProductFile, ...]:
    """What can be downloaded now."""
    with database.reading() as connection:
        return files_of(connection, SKU)


def test_the_same_build_again_changes_nothing_but_its_name(book: Database) -> None:
    czech = build(2, language="cs-CZ")
    assert add(book, build(1), czech) == BuildCounts(added=2)

    renamed = build(3).model_copy(update={"file_name": "renamed.iso"})
    assert add(book, renamed) == BuildCounts()

    assert offered(book) == (czech, renamed.model_copy(update={"id": "fil_1"}))


def test_other_content_is_another_build_and_the_old_one_stays_on_record(book: Database) -> None:
    add(book, build(1, "0"))

    assert add(book, build(2, "1")) == BuildCounts(replaced=1)

    assert offered(book) == (build(2, "1"),)
    with book.reading() as connection:
        assert find_offered(connection, "fil_1") is None
    with pytest.raises(Refused) as refused:
        withdraw_build(book, SKU, "fil_1", "Bad.", STAFF, PLACED_AT)
    assert refused.value.facts["withdrawal_reason"] == "Replaced by fil_2."
    assert verify(book, PLACED_AT).breaches == ()


def test_a_withdrawn_build_says_who_when_and_why_once(book: Database) -> None:
    add(book, build(1))

    first = withdraw_build(book, SKU, "fil_1", "It does not start.", STAFF, PLACED_AT)
    again = withdraw_build(book, SKU, "fil_1", "It does not start.", STAFF, PLACED_AT)

    assert first == again
    assert (first.withdrawn_by, first.withdrawn_at) == (OPERATOR, PLACED_AT)
    assert first.reason == "It does not start."
    assert offered(book) == ()
    with pytest.raises(Refused) as refused:
        withdraw_build(book, SKU, "fil_1", "Again.", STAFF, PLACED_AT + timedelta(seconds=1))
    assert refused.value.code == "build_withdrawn"
    assert verify(book, PLACED_AT).breaches == ()


def test_a_build_of_another_product_is_not_there(book: Database) -> None:
    add(book, build(1))

    with pytest.raises(NotFound):
        withdraw_build(book, "DG7GMGF0D5RK:0004", "fil_1", "Bad.", STAFF, PLACED_AT)


def test_an_import_brings_nothing_withdrawn_back_unless_told_to(book: Database) -> None:
    add(book, build(1))
    withdraw_build(book, SKU, "fil_1", "Bad.", STAFF, PLACED_AT)

    assert add(book, build(2)) == BuildCounts(still_withdrawn=1)
    assert offered(book) == ()

    assert add(book, build(3), offer_withdrawn=True) == BuildCounts(added=1)
    assert offered(book) == (build(3),)


def test_a_build_that_was_replaced_does_not_push_its_successor_out(book: Database) -> None:
    add(book, build(1, "0"))
    add(book, build(2, "1"))

    assert add(book, build(3, "0")) == BuildCounts(still_withdrawn=1)

    assert offered(book) == (build(2, "1"),)

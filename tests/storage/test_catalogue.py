"""The catalogue in the book: what import changes, what it never rewrites, and what each caller sees."""

from models.catalogue import Family, KeyMode, Product, ProductFile
from models.money import Money
from models.principal import Principal, Role
from storage.catalogue import (
    find_customer,
    find_product,
    list_customers,
    list_products,
    upsert_products,
)
from storage.engine import Database
from storage.product_file import add_builds
from tests.factories import PLACED_AT

SKU = "TEST00000001:0001"
ONE_PARTNER = "par_00000000000000000000000000000001"
ONE_CUSTOMER = "cus_00000000000000000000000000000001"


BUILD = ProductFile(
    id="fil_1",
    sku=SKU,
    version="2022",
    language="en-US",
    bitness="64",
    file_name="build.iso",
    size_bytes=1,
    sha256="0" * 64,
)


def _product(
    title: str = "A product", files: tuple[ProductFile, ...] = (), **prices: int
) -> Product:
    return Product(
        sku=SKU,
        product_id="TEST00000001",
        title=title,
        publisher="A publisher",
        family=Family.PERPETUAL,
        key_mode=KeyMode.PER_LINE,
        term_duration=None,
        maximum_quantity=10,
        prices=tuple(Money(amount_minor=m, currency=c) for c, m in prices.items()),
        files=files,
    )


def _scope(partner_id: str | None = None, customer_id: str | None = None) -> Principal:
    return Principal(
        user_id="usr_test",
        name="Test",
        roles=frozenset({Role.ADMIN_AGENT}),
        partner_id=partner_id,
        customer_id=customer_id,
    )


def _import(database: Database, *products: Product) -> None:
    with database.transaction() as connection:
        upsert_products(connection, products)
        builds = [build for product in products for build in product.files]
        add_builds(connection, builds, PLACED_AT)


def _found(database: Database) -> Product | None:
    with database.reading() as connection:
        return find_product(connection, SKU)


def test_an_imported_product_comes_back_as_it_was(empty_database: Database) -> None:
    product = _product(files=(BUILD,), EUR=100, USD=120)

    _import(empty_database, product)

    assert _found(empty_database) == product


def test_a_second_import_changes_what_is_listed(empty_database: Database) -> None:
    _import(empty_database, _product(EUR=100))

    _import(empty_database, _product(title="A better product", EUR=90))

    assert _found(empty_database) == _product(title="A better product", EUR=90)


def test_a_price_no_longer_listed_is_off_sale(empty_database: Database) -> None:
    _import(empty_database, _product(EUR=100, USD=120))

    _import(empty_database, _product(USD=120))

    assert _found(empty_database) == _product(USD=120)


def test_a_product_without_prices_is_off_sale_everywhere(empty_database: Database) -> None:
    _import(empty_database, _product(EUR=100, USD=120))

    _import(empty_database, _product())

    assert _found(empty_database) == _product()


def test_other_products_are_left_alone(database: Database) -> None:
    with database.reading() as connection:
        before = list_products(connection)

    _import(database, _product(EUR=100))

    with database.reading() as connection:
        after = list_products(connection)
    assert [product for product in after if product.sku != SKU] == list(before)
    assert sorted(after, key=lambda product: (product.title, product.sku)) == list(after)


def test_an_unknown_sku_is_nothing(database: Database) -> None:
    with database.reading() as connection:
        assert find_product(connection, "NOPE:0001") is None


def test_a_customer_is_found_by_id(database: Database) -> None:
    with database.reading() as connection:
        found = find_customer(connection, ONE_CUSTOMER)
        assert found is not None
        assert found.partner_id == ONE_PARTNER
        assert find_customer(connection, "cus_nobody") is None


def test_a_caller_sees_customers_within_sight(database: Database) -> None:
    counts = {
        _scope(): 4,
        _scope(ONE_PARTNER): 2,
        _scope(ONE_PARTNER, ONE_CUSTOMER): 1,
        _scope(None, ONE_CUSTOMER): 1,
        _scope("par_nobody"): 0,
    }
    with database.reading() as connection:
        for scope, count in counts.items():
            seen = list_customers(connection, scope)
            assert len(seen) == count
            assert all(scope.covers(customer.partner_id, customer.id) for customer in seen)


def test_pages_of_customers_hold_each_once(database: Database) -> None:
    pages: list[str] = []
    after: str | None = None
    with database.reading() as connection:
        while page := list_customers(connection, _scope(), after=after, limit=3):
            pages += [customer.id for customer in page]
            after = page[-1].id

    assert pages == sorted(set(pages))
    assert len(pages) == 4

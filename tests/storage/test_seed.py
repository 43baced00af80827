"""The demo load: everything stands after the first, and the second touches nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from pydantic import SecretStr
from sqlalchemy import func, select, update

from demo.load import load as load_demo
from integrations.cipher.ring import RingCipher, make_ring
from integrations.files.local import LocalFiles
from integrations.files.protocol import StoredFile
from models.catalogue import Product
from models.tables.catalogue import PriceRow
from models.tables.column import table
from models.tables.metadata import METADATA
from models.tables.principal import UserRow
from models.tables.product_key import KeyEventRow, ProductKeyRow
from storage.catalogue import list_products
from storage.cipher import sealed_of
from storage.engine import Database
from storage.seed import load
from storage.stock import available_keys

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
DEMO = load_demo()


def _row_counts(database: Database) -> dict[str, int]:
    with database.reading() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(rows)).scalar_one()
            for name, rows in METADATA.tables.items()
        }


def _unordered(product: Product) -> tuple[object, ...]:
    bare = product.model_copy(update={"prices": (), "files": ()})
    return bare, set(product.prices), set(product.files)


def test_the_first_load_adds_everything(
    empty_database: Database, cipher: RingCipher, demo_files: LocalFiles
) -> None:
    seeded = load(empty_database, DEMO, cipher, demo_files, AT, keys_per_sku=3)

    assert seeded.partners == len(DEMO.partners)
    assert seeded.customers == len(DEMO.customers)
    assert seeded.users == len(DEMO.users)
    assert seeded.products == len(DEMO.products)
    assert seeded.policies == len(DEMO.policies)
    assert seeded.event_sources == len(DEMO.event_sources)
    assert seeded.product_keys == 3 * len(DEMO.products)
    with empty_database.reading() as connection:
        assert [_unordered(p) for p in list_products(connection)] == [
            _unordered(p) for p in sorted(DEMO.products, key=lambda p: (p.title, p.sku))
        ]
        assert set(available_keys(connection).values()) == {3}


def test_the_second_load_adds_nothing(
    empty_database: Database, cipher: RingCipher, demo_files: LocalFiles
) -> None:
    load(empty_database, DEMO, cipher, demo_files, AT, keys_per_sku=3)
    before = _row_counts(empty_database)

    again = load(
        empty_database, DEMO, RingCipher(SecretStr(make_ring())), demo_files, AT, keys_per_sku=3
    )

    assert set(again.model_dump().values()) == {0}
    assert _row_counts(empty_database) == before


def test_two_loads_at_once_make_one_world(
    empty_database: Database, cipher: RingCipher, demo_files: LocalFiles
) -> None:
    with ThreadPoolExecutor() as pool:
        loads = [
            pool.submit(load, empty_database, DEMO, cipher, demo_files, AT, keys_per_sku=3)
            for _ in "12"
        ]
        added = sorted(running.result().product_keys for running in loads)

    assert added == [0, 3 * len(DEMO.products)]


def test_a_price_changed_since_the_first_load_stays(
    empty_database: Database, cipher: RingCipher, demo_files: LocalFiles
) -> None:
    load(empty_database, DEMO, cipher, demo_files, AT, keys_per_sku=1)
    prices = table(PriceRow)
    with empty_database.transaction() as connection:
        connection.execute(update(prices).values(amount_minor=777))

    load(empty_database, DEMO, cipher, demo_files, AT, keys_per_sku=1)

    with empty_database.reading() as connection:
        assert set(connection.execute(select(prices.c.amount_minor)).scalars()) == {777}


def test_every_build_can_be_read_at_its_recorded_size(
    empty_database: Database, cipher: RingCipher, demo_files: LocalFiles
) -> None:
    load(empty_database, DEMO, cipher, demo_files, AT, keys_per_sku=1)

    with empty_database.reading() as connection:
        builds = [build for product in list_products(connection) for build in product.files]
    assert builds
    for build in builds:
        with demo_files.open(StoredFile(build.sha256, build.size_bytes)) as stream:
            assert len(stream.read()) == build.size_bytes


def test_keys_are_sealed_under_their_own_id_and_have_a_history(
    empty_database: Database, cipher: RingCipher, demo_files: LocalFiles
) -> None:
    load(empty_database, DEMO, cipher, demo_files, AT, keys_per_sku=2)
    keys, events = table(ProductKeyRow), table(KeyEventRow)

    with empty_database.reading() as connection:
        rows = connection.execute(select(keys)).all()
        recorded = connection.execute(select(func.count()).select_from(events)).scalar_one()
    assert recorded == len(rows)
    for row in rows:
        product_key = cipher.open(sealed_of(row), row.id)
        assert product_key.startswith("DEMO0-")
        assert product_key.endswith(row.last5)
        assert cipher.fingerprint(product_key) == row.fingerprint
        assert product_key.encode() not in row.ciphertext


def test_a_customers_user_carries_the_customers_partner(
    empty_database: Database, cipher: RingCipher, demo_files: LocalFiles
) -> None:
    load(empty_database, DEMO, cipher, demo_files, AT, keys_per_sku=1)
    users = table(UserRow)
    partner_of = {customer.id: customer.partner_id for customer in DEMO.customers}

    with empty_database.reading() as connection:
        rows = connection.execute(select(users).where(users.c.customer_id.is_not(None))).all()
    assert rows
    assert all(row.partner_id == partner_of[row.customer_id] for row in rows)

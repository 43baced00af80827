"""Filling a fresh Keydesk with the demo world, once: what stands already is left as it is."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO, Protocol

from pydantic import SecretStr
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from demo.files import content
from demo.keys import sample_keys
from demo.load import DemoData, DemoUser
from models.base import Value
from models.catalogue import Product
from models.ids import SYSTEM_USER
from models.key_import import KeyLine, KeyVerdict
from models.tables.catalogue import CustomerRow, ProductRow
from models.tables.column import Row, table
from models.tables.principal import EventSourceRow, PartnerRow, UserRoleRow, UserRow
from models.tables.product_key import ProductKeyRow
from storage.catalogue import upsert_products
from storage.engine import Database
from storage.key_import import Sealer, add_keys, record_import
from storage.policy import add_policies
from storage.product_file import add_builds

KEYS_PER_SKU = 200
_KEYS_SEED = 1
_LOCK = "keydesk/seed"

_products = table(ProductRow)
_keys = table(ProductKeyRow)


class FileShelf(Protocol):
    """The part of a file store that loading needs."""

    def put(self, stream: BinaryIO) -> object: ...

    def exists(self, sha256: str) -> bool: ...


class Seeded(Value):
    """How much a load added; all zero when the demo world stood already."""

    partners: int
    customers: int
    users: int
    products: int
    policies: int
    event_sources: int
    product_keys: int


def load(
    database: Database,
    demo: DemoData,
    cipher: Sealer,
    files: FileShelf,
    at: datetime,
    *,
    keys_per_sku: int = KEYS_PER_SKU,
) -> Seeded:
    """Load everything in one transaction; a second load adds nothing and changes nothing."""
    _shelve_builds(demo.products, files)
    with database.transaction() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(_LOCK, 0))))
        return Seeded(
            partners=_add(connection, PartnerRow, _partners(demo)),
            customers=_add(connection, CustomerRow, [c.model_dump() for c in demo.customers]),
            users=_add_users(connection, demo),
            products=_add_products(connection, demo.products, at),
            policies=add_policies(connection, demo.policies),
            event_sources=_add(connection, EventSourceRow, _event_sources(demo)),
            product_keys=_add_keys(connection, demo.products, cipher, at, keys_per_sku),
        )


def _shelve_builds(products: Iterable[Product], files: FileShelf) -> None:
    """Put every build on the shelf before the book names it."""
    for build in (build for product in products for build in product.files):
        if not files.exists(build.sha256):
            files.put(BytesIO(content(build.file_name, build.size_bytes)))


def _partners(demo: DemoData) -> list[dict[str, Any]]:
    return [partner.model_dump() for partner in demo.partners]


def _event_sources(demo: DemoData) -> list[dict[str, Any]]:
    return [{"source": s.name, "partner_id": s.partner_id} for s in demo.event_sources]


def _add_users(connection: Connection, demo: DemoData) -> int:
    partner_of = {customer.id: customer.partner_id for customer in demo.customers}
    users = [_user(user, partner_of) for user in demo.users]
    roles = [{"user_id": user.id, "role": role} for user in demo.users for role in user.roles]
    added = _add(connection, UserRow, users)
    _add(connection, UserRoleRow, roles)
    return added


def _user(user: DemoUser, partner_of: dict[str, str]) -> dict[str, Any]:
    """A customer's user carries its reseller too: the composite key then holds the pair together."""
    row = user.model_dump(exclude={"roles"})
    if user.customer_id is not None:
        row["partner_id"] = partner_of[user.customer_id]
    return row | {"active": True}


def _add_products(connection: Connection, products: Iterable[Product], at: datetime) -> int:
    """Only SKUs that are not there: a price changed since the first load stays changed."""
    known = set(connection.execute(select(_products.c.sku)).scalars())
    missing = [product for product in products if product.sku not in known]
    upsert_products(connection, missing)
    add_builds(connection, (build for product in missing for build in product.files), at)
    return len(missing)


def _add_keys(
    connection: Connection, products: Iterable[Product], cipher: Sealer, at: datetime, count: int
) -> int:
    """Fill the pools that never held a key; a pool sold empty is not filled up again."""
    stocked = set(connection.execute(select(_keys.c.sku).distinct()).scalars())
    empty = [product.sku for product in products if product.sku not in stocked]
    lines = list(_key_lines(empty, count))
    results = add_keys(connection, lines, cipher, at=at, by=SYSTEM_USER, reason="demo data")
    record_import(connection, results, at=at, by=SYSTEM_USER)
    return sum(result.verdict is KeyVerdict.ADDED for result in results)


def _key_lines(skus: Iterable[str], count: int) -> Iterator[KeyLine]:
    numbered = ((sku, key) for sku in skus for key in sample_keys(sku, count, _KEYS_SEED))
    for row, (sku, key) in enumerate(numbered, start=1):
        yield KeyLine(row=row, sku=sku, product_key=SecretStr(key))


def _add(connection: Connection, row: type[Row], values: list[dict[str, Any]]) -> int:
    """Insert what is not there yet, and tell how many rows that were."""
    if not values:
        return 0
    target = table(row)
    statement = insert(target).on_conflict_do_nothing().returning(*target.primary_key.columns)
    return len(connection.execute(statement, values).all())

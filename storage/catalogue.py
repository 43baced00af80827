"""Products, prices and customers in the book: upserted by import, read by every door."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, delete, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from models.catalogue import Customer, Product, ProductFile
from models.money import Money
from models.principal import Principal
from models.tables.catalogue import CustomerRow, PriceRow, ProductRow
from models.tables.column import table
from storage.product_file import offered

_customers = table(CustomerRow)
_products = table(ProductRow)
_prices = table(PriceRow)


def list_products(connection: Connection) -> tuple[Product, ...]:
    """The whole catalogue, by title, with prices and files."""
    return _read_products(connection, _products.c.sku.is_not(None))


def find_product(connection: Connection, sku: str) -> Product | None:
    """One SKU with its prices and files."""
    found = _read_products(connection, _products.c.sku == sku)
    return found[0] if found else None


def upsert_products(connection: Connection, products: Sequence[Product]) -> None:
    """Add or change products; each states its prices as a whole. Builds come by `product_file.add_builds`."""
    if not products:
        return
    own = [p.model_dump(mode="json", exclude={"prices", "files"}) for p in products]
    prices = [_price_row(p.sku, price) for p in products for price in p.prices]
    _upsert(connection, _products, own, ("sku",))
    _drop_other_prices(connection, [p.sku for p in products], prices)
    _upsert(connection, _prices, prices, ("sku", "currency"))


def find_customer(connection: Connection, customer_id: str) -> Customer | None:
    """One customer of any partner; whoever asks for somebody must check that he may see it."""
    found = select(_customers).where(_customers.c.id == customer_id)
    row = connection.execute(found).mappings().one_or_none()
    return Customer.model_validate(dict(row)) if row else None


def list_customers(
    connection: Connection, scope: Principal, *, after: str | None = None, limit: int = 50
) -> tuple[Customer, ...]:
    """One page of the customers within a principal's sight, by id; the next page starts after the last id."""
    page = select(_customers).order_by(_customers.c.id).limit(limit)
    # The filter of `storage.scope`, on the table where a customer's own id is its customer id.
    if scope.customer_id is not None:
        page = page.where(_customers.c.id == scope.customer_id)
    elif scope.partner_id is not None:
        page = page.where(_customers.c.partner_id == scope.partner_id)
    if after is not None:
        page = page.where(_customers.c.id > after)
    rows = connection.execute(page).mappings()
    return tuple(Customer.model_validate(dict(row)) for row in rows)


def _read_products(connection: Connection, chosen: ColumnElement[bool]) -> tuple[Product, ...]:
    found = select(_products).where(chosen).order_by(_products.c.title, _products.c.sku)
    rows = connection.execute(found).mappings().all()
    skus = [row["sku"] for row in rows]
    prices, builds = _read_prices(connection, skus), offered(connection, skus)
    return tuple(_product(row, prices[row["sku"]], builds[row["sku"]]) for row in rows)


def _product(
    row: RowMapping, prices: tuple[Money, ...], builds: tuple[ProductFile, ...]
) -> Product:
    return Product(**dict(row), prices=prices, files=builds)


def _read_prices(connection: Connection, skus: Sequence[str]) -> dict[str, tuple[Money, ...]]:
    found = select(_prices).where(_prices.c.sku.in_(skus)).order_by(_prices.c.currency)
    grouped: dict[str, tuple[Money, ...]] = defaultdict(tuple)
    for row in connection.execute(found):
        grouped[row.sku] += (Money(amount_minor=row.amount_minor, currency=row.currency),)
    return grouped


def _price_row(sku: str, price: Money) -> dict[str, Any]:
    return {"sku": sku, "currency": price.currency, "amount_minor": price.amount_minor}


def _drop_other_prices(
    connection: Connection, skus: Sequence[str], prices: Sequence[dict[str, Any]]
) -> None:
    listed = [(price["sku"], price["currency"]) for price in prices]
    here = tuple_(_prices.c.sku, _prices.c.currency)
    connection.execute(delete(_prices).where(_prices.c.sku.in_(skus), here.not_in(listed)))


def _upsert(
    connection: Connection,
    target: Table,
    rows: Sequence[dict[str, Any]],
    key: tuple[str, ...],
) -> None:
    if not rows:
        return
    statement = insert(target)
    changed = {
        column.name: statement.excluded[column.name]
        for column in target.columns
        if column.name not in key
    }
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(key), set_=changed), list(rows)
    )

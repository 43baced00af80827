"""Prices of an order's lines: catalogue price and policy in force, both frozen on the line."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, select

from models.ids import Prefix, new_id
from models.order import OrderDraft
from models.policy import CancellationPolicy
from models.tables.catalogue import PriceRow, ProductRow
from models.tables.column import table
from storage.policy import policies_in_force
from storage.refusal import unknown_sku, wrong_currency, wrong_quantity

products = table(ProductRow)
prices = table(PriceRow)


def price_lines(connection: Connection, draft: OrderDraft, at: datetime) -> list[dict[str, Any]]:
    """The rows of the draft's lines at that instant; Invalid names the first line that cannot be sold so."""
    found = {
        row.sku: row
        for row in connection.execute(
            select(products, prices.c.amount_minor)
            .outerjoin(
                prices, and_(prices.c.sku == products.c.sku, prices.c.currency == draft.currency)
            )
            .where(products.c.sku.in_([line.sku for line in draft.lines]))
        )
    }
    in_force = policies_in_force(connection, found, at)
    priced = []
    for number, line in enumerate(draft.lines, start=1):
        product = found.get(line.sku)
        if product is None:
            raise unknown_sku(line.sku, number)
        if product.amount_minor is None:
            raise wrong_currency(line.sku, draft.currency, number)
        if line.quantity > product.maximum_quantity:
            raise wrong_quantity(line.sku, product.maximum_quantity, number)
        row = in_force[line.sku]
        policy = CancellationPolicy.model_validate(row.document)
        priced.append(
            {
                "id": new_id(Prefix.LINE),
                "line_number": number,
                "sku": line.sku,
                "quantity": line.quantity,
                "unit_price_minor": product.amount_minor,
                "total_minor": product.amount_minor * line.quantity,
                "currency": draft.currency,
                "policy_id": row.id,
                "policy": row.document,
                "policy_sha256": row.sha256,
                "window_closes_at": policy.window_closes_at(at),
            }
        )
    return priced

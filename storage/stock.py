"""The stock in the book: keys by state, thresholds, one alert for each fall below them, and who waits for keys."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from models.errors import Invalid
from models.ids import Prefix, new_id
from models.notice import NoticeKind
from models.product_key import KeyState
from models.stock import Stock
from models.tables.catalogue import ProductRow
from models.tables.column import table
from models.tables.product_key import ProductKeyRow
from models.tables.record import AuditRow
from models.tables.stock import StockAlertRow, StockThresholdRow
from storage import order as order_book
from storage import principal as people
from storage.effect import Effect
from storage.key_import import HOUSE_STREAM

_keys = table(ProductKeyRow)
_products = table(ProductRow)
_thresholds = table(StockThresholdRow)
_alerts = table(StockAlertRow)
_audit = table(AuditRow)

_SERVABLE = text("""
SELECT workflow_id FROM (
SELECT 'purchase:' || o.id AS workflow_id, o.placed_at AS since FROM orders o
WHERE o.status = 'charged'
  AND EXISTS (SELECT FROM tickets t WHERE t.order_id = o.id AND t.kind = 'incident' AND t.closed_at IS NULL)
  AND NOT EXISTS (
    SELECT FROM (
      SELECT l.sku, sum(CASE p.key_mode WHEN 'per_unit' THEN l.quantity ELSE 1 END) AS needed
      FROM order_lines l JOIN products p ON p.sku = l.sku WHERE l.order_id = o.id GROUP BY l.sku
    ) n
    WHERE n.needed > (SELECT count(*) FROM (
      SELECT FROM product_keys k WHERE k.sku = n.sku AND k.state = 'available' LIMIT n.needed
    ) free)
  )
UNION ALL
SELECT 'replacement:' || r.id, r.requested_at
FROM replacements r JOIN product_keys old ON old.id = r.old_key_id
WHERE r.status = 'approved'
  AND EXISTS (SELECT FROM product_keys k WHERE k.sku = old.sku AND k.state = 'available')
) waiting
ORDER BY since LIMIT :most
""")


def stock_levels(connection: Connection, low_stock: int) -> tuple[Stock, ...]:
    """Every SKU with its keys by state, also those without any; `low_stock` where no threshold was set."""
    counts = [
        func.count(_keys.c.id).filter(_keys.c.state == state).label(state) for state in KeyState
    ]
    threshold = func.coalesce(func.max(_thresholds.c.threshold), low_stock).label("threshold")
    rows = connection.execute(
        select(_products.c.sku, _products.c.title, *counts, threshold)
        .join_from(_products, _keys, _keys.c.sku == _products.c.sku, isouter=True)
        .join(_thresholds, _thresholds.c.sku == _products.c.sku, isouter=True)
        .group_by(_products.c.sku)
        .order_by(_products.c.sku)
    ).mappings()
    return tuple(Stock(**row, low=row["available"] < row["threshold"]) for row in rows)


def available_keys(connection: Connection) -> dict[str, int]:
    """How many keys of each SKU are available; a SKU without any counts zero."""
    return {level.sku: level.available for level in stock_levels(connection, 0)}


def set_threshold(
    connection: Connection, sku: str, threshold: int, *, at: datetime, by: str
) -> None:
    """From now on fewer keys of this SKU than that are too few; Invalid for a SKU that is not sold."""
    if connection.execute(select(_products.c.sku).where(_products.c.sku == sku)).first() is None:
        raise Invalid("unknown_sku", f"There is no product {sku}.")
    values = {"threshold": threshold, "set_at": at, "set_by": by}
    connection.execute(
        upsert(_thresholds)
        .values(sku=sku, **values)
        .on_conflict_do_update(index_elements=["sku"], set_=values)
    )
    entry = {
        "stream": HOUSE_STREAM,
        "happened_at": at,
        "actor_id": by,
        "action": "stock.threshold_set",
        "subject_id": sku,
        "details": {"threshold": threshold},
    }
    connection.execute(insert(_audit), [entry])


def raise_alerts(effect: Effect, skus: Iterable[str], low_stock: int) -> None:
    """Tell the operators once of every pool that this effect left below its threshold."""
    fallen = [
        level
        for sku in sorted(skus)
        if (level := _level(effect.connection, sku, low_stock)) is not None
        and _open_alert(effect, *level)
    ]
    if not fallen:
        return
    order = order_book.load(effect.connection, effect.order_id)
    levels = [{"sku": sku, "left": left, "below": below} for sku, left, below in fallen]
    effect.tell(
        NoticeKind.STOCK_LOW,
        people.operators(effect.connection),
        **order_book.facts(order),
        levels=levels,
    )


def clear_alerts(
    connection: Connection, skus: Iterable[str], low_stock: int, *, at: datetime
) -> None:
    """End the alerts of pools that were filled up; the next fall is told again."""
    full = [sku for sku in sorted(skus) if _level(connection, sku, low_stock) is None]
    connection.execute(
        update(_alerts)
        .where(_alerts.c.sku.in_(full), _alerts.c.cleared_at.is_(None))
        .values(cleared_at=func.greatest(_alerts.c.raised_at, at))
    )


def servable(connection: Connection, most: int = 100) -> list[str]:
    """The workflows that wait for keys though the pool now has enough for each of them, oldest first."""
    return list(connection.execute(_SERVABLE, {"most": most}).scalars())


def _level(connection: Connection, sku: str, low_stock: int) -> tuple[str, int, int] | None:
    """The SKU, its keys left and its threshold, if they are too few.

    Who takes keys of one SKU looks one after the other, or two who fall below together would both see enough.
    """
    lock = func.pg_advisory_xact_lock(func.hashtextextended(f"stock:{sku}", 0))
    connection.execute(select(lock))
    set_for = select(_thresholds.c.threshold).where(_thresholds.c.sku == sku)
    found: int | None = connection.execute(set_for).scalar_one_or_none()
    threshold = low_stock if found is None else found
    # A full pool is not counted to its end.
    free = (
        select(literal(1))
        .where(_keys.c.sku == sku, _keys.c.state == KeyState.AVAILABLE)
        .limit(threshold)
        .subquery()
    )
    available: int = connection.execute(select(func.count()).select_from(free)).scalar_one()
    return (sku, available, threshold) if available < threshold else None


def _open_alert(effect: Effect, sku: str, available: int, threshold: int) -> bool:
    """True if this is news: the database holds one open alert for a SKU."""
    alert: dict[str, Any] = {
        "id": new_id(Prefix.ALERT),
        "sku": sku,
        "threshold": threshold,
        "available": available,
        "raised_at": effect.at,
    }
    opened = upsert(_alerts).values(alert).on_conflict_do_nothing().returning(_alerts.c.id)
    return effect.connection.execute(opened).first() is not None

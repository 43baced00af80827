"""Software items: one per order line, as the customer's Software page lists them."""

from enum import StrEnum

from pydantic import AwareDatetime

from models.base import Value
from models.product_key import ProductKey


class SoftwareStatus(StrEnum):
    """preparing → active → (suspended) → cancelled; a cancelled item stays listed without its key."""

    PREPARING = "preparing"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"


class Software(Value):
    """One item: what was bought, its keys (masked) and whether it can still be cancelled."""

    id: str
    order_id: str
    order_number: int
    line_id: str
    partner_id: str
    customer_id: str
    sku: str
    title: str
    quantity: int
    cancelled_quantity: int = 0
    status: SoftwareStatus
    window_closes_at: AwareDatetime
    keys: tuple[ProductKey, ...] = ()

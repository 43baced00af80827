"""Orders: what the door asks for, what the book holds, and what PurchaseWorkflow carries."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from models.base import Message, Value
from models.catalogue import Family, KeyMode
from models.money import Currency, Money
from models.text import Identifier, Line


class OrderStatus(StrEnum):
    """placed → charged → fulfilled → final; refused and failed end early; cancelled when every line was."""

    PLACED = "placed"
    REFUSED = "refused"
    CHARGED = "charged"
    FULFILLED = "fulfilled"
    FAILED = "failed"
    CANCELLED = "cancelled"
    FINAL = "final"


Quantity = Annotated[int, Field(strict=True, ge=1, le=10_000)]


class OrderLineDraft(Value):
    """One product asked for."""

    sku: Identifier
    quantity: Quantity


class OrderDraft(Value):
    """What a door hands to the desk; `reference` is the portal's own order number, unique per partner."""

    customer_id: Identifier
    currency: Currency
    lines: tuple[OrderLineDraft, ...] = Field(min_length=1, max_length=50)
    reference: Line | None = None


class OrderLine(Value):
    """One priced line with the cancellation window frozen at purchase."""

    id: str
    line_number: int
    sku: str
    title: str
    family: Family
    key_mode: KeyMode
    quantity: int
    unit_price: Money
    total: Money
    policy_id: str
    policy_version: int
    window_closes_at: AwareDatetime
    software_id: str
    cancelled_quantity: int = Field(
        default=0, description="How many of its units are cancelled and credited."
    )
    cancelled_at: AwareDatetime | None = Field(
        default=None, description="Since when none of its units is left."
    )


class Order(Value):
    """An order as the API shows it; `number` is the short one people quote."""

    id: str
    number: int
    partner_id: str
    customer_id: str
    placed_by: str
    placed_at: AwareDatetime
    reference: str | None
    status: OrderStatus
    total: Money
    lines: tuple[OrderLine, ...]


class StockPlan(Message):
    """How long a charged order waits for keys before the charge is reversed; frozen in the workflow's input."""

    first_wait_s: int = 60
    longest_wait_s: int = 3600
    give_up_after_s: int = 3 * 24 * 3600


class PurchaseInput(Message):
    """What starts PurchaseWorkflow: ids and instants only."""

    order_id: str
    order_number: int
    customer_tenant: str
    customer_name: str
    stock: StockPlan = StockPlan()


class Validation(Message):
    """The verdict of `validate_order`: may this order be charged, and when does its last window close."""

    accepted: bool
    reason: str | None = None
    line_count: int = 1
    total_text: str = ""
    remind_at: AwareDatetime | None = None
    window_closes_at: AwareDatetime | None = None


class Allocation(Message):
    """The verdict of `allocate_keys`: all lines served, or the SKUs that ran dry and nothing taken."""

    allocated: bool
    missing_skus: tuple[str, ...] = ()


class Settlement(Message):
    """The verdict of `finalise_order`: closed for good, or the number of cancellations still open."""

    final: bool
    open_cancellations: int = 0
    status: OrderStatus | None = None


class PurchaseStage(StrEnum):
    """Where PurchaseWorkflow is, in words operators read and search for (search attribute KeydeskStage)."""

    VALIDATING = "validating order"
    CHARGING = "charging partner"
    ALLOCATING = "allocating keys"
    WAITING_FOR_STOCK = "waiting for keys"
    DELIVERING = "opening downloads"
    WINDOW_OPEN = "cancellation window open"
    WAITING_FOR_CANCELLATION = "waiting for open cancellation"
    REVERSING = "reversing charge"
    FINAL = "final"
    CANCELLED = "cancelled"
    FAILED = "failed"
    REFUSED = "refused"


class PurchaseOutcome(Message):
    """How a purchase ended."""

    order_id: str
    status: OrderStatus


class PurchaseState(Message):
    """The answer of the `status` query."""

    order_id: str
    stage: PurchaseStage
    cancelled_lines: tuple[str, ...] = ()
    needs_attention: str | None = None


class LineClosed(Message):
    """What a cancellation reports back to its purchase when it ends; `cancelled` once no unit is left."""

    line_id: str
    cancelled: bool

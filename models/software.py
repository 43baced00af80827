"""Software items: one per order line, as the customer's Software page lists them, with downloads and links."""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from models.base import Value
from models.catalogue import ProductFile
from models.product_key import ProductKey
from models.text import Identifier


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
    status: SoftwareStatus
    window_closes_at: AwareDatetime
    keys: tuple[ProductKey, ...] = ()


class LinkRequest(Value):
    """Which build to make a link to."""

    file_id: Identifier


class DownloadLink(Value):
    """A link to one file; `url` is shown once, at creation, because only its token's hash is stored."""

    id: str
    software_id: str
    file: ProductFile
    expires_at: AwareDatetime
    max_uses: int
    uses: int
    revoked: bool
    url: str | None = Field(default=None, repr=False)

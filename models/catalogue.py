"""What is sold: products by SKU, their prices, and the files a buyer may download."""

from enum import StrEnum

from models.base import Value
from models.money import Money


class Family(StrEnum):
    """Perpetual software has no term; a subscription runs for one."""

    PERPETUAL = "perpetual"
    SUBSCRIPTION = "subscription"


class KeyMode(StrEnum):
    """How many product keys a line gets: one multi-activation key, or one for each unit."""

    PER_LINE = "per_line"
    PER_UNIT = "per_unit"


class ProductFile(Value):
    """One build: only combinations of version, language and bitness that exist have a row."""

    id: str
    sku: str
    version: str
    language: str
    bitness: str
    file_name: str
    size_bytes: int
    sha256: str


class Product(Value):
    """A SKU as sold; `sku` is `<product id>:<sku id>` as in partner-center.md §2.4."""

    sku: str
    product_id: str
    title: str
    publisher: str
    family: Family
    key_mode: KeyMode
    term_duration: str | None
    maximum_quantity: int
    prices: tuple[Money, ...] = ()
    files: tuple[ProductFile, ...] = ()


class Customer(Value):
    """An organisation that buys; `tenant_id` is its GUID, `domain` its name in the directory."""

    id: str
    partner_id: str
    name: str
    tenant_id: str
    domain: str
    country: str

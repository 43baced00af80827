"""Stock: how many product keys of a SKU there are in each state, and when that is too few."""

from pydantic import Field

from models.base import Value


class Stock(Value):
    """The keys of one SKU by state; `low` when fewer are available than `threshold`."""

    sku: str
    title: str
    available: int
    allocated: int
    suspended: int
    revoked: int
    quarantined: int
    threshold: int = Field(description="Operators are told when fewer keys than this are left.")
    low: bool

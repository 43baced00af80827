"""Key import: the lines of a key file, and the verdict each of them gets."""

from enum import StrEnum

from pydantic import Field, SecretStr

from models.base import Value


class KeyLine(Value):
    """One line of a key file as it came; the key shows itself nowhere by accident."""

    row: int = Field(description="The line's number in the file, the heading being row 1.")
    sku: str
    product_key: SecretStr


class KeyVerdict(StrEnum):
    """What became of a line."""

    ADDED = "added"
    DUPLICATE = "duplicate"
    UNKNOWN_SKU = "unknown_sku"
    MALFORMED = "malformed"


class KeyLineResult(Value):
    """A verdict with its row number; the SKU only if it is one, for in a mixed-up file it may be a key."""

    row: int
    sku: str | None
    verdict: KeyVerdict

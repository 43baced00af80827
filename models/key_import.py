"""Key import: the file, its lines, and the verdict each of them gets."""

from enum import StrEnum

from pydantic import AwareDatetime, Field, SecretStr

from models.base import Value


class KeyLine(Value):
    """One line of a key file as it came; the key shows itself nowhere by accident."""

    row: int = Field(description="The line's number in the file, the heading being row 1.")
    sku: str
    product_key: SecretStr


class KeyFile(Value):
    """A key file as read: its lines, and what its content is known by."""

    sha256: str = Field(repr=False, description="Of its bytes, in hex.")
    lines: tuple[KeyLine, ...]


class KeyImport(Value):
    """One file's way into the pool, begun once however often the file is given."""

    id: str
    started_at: AwareDatetime


class KeyVerdict(StrEnum):
    """What became of a line; `added_already`: an earlier run on the same file brought this very line in."""

    ADDED = "added"
    ADDED_ALREADY = "added_already"
    DUPLICATE = "duplicate"
    UNKNOWN_SKU = "unknown_sku"
    MALFORMED = "malformed"

    @property
    def refused(self) -> bool:
        """Whether the line's key did not come in by this file."""
        return self not in (KeyVerdict.ADDED, KeyVerdict.ADDED_ALREADY)


class KeyLineResult(Value):
    """A verdict with its row number; the SKU only if it is one, for in a mixed-up file it may be a key."""

    row: int
    sku: str | None
    verdict: KeyVerdict

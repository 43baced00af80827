"""Product keys: their states, and what of them may be shown to whom."""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from models.base import Value
from models.text import Identifier, Line, Paragraph

KEY_PATTERN = re.compile(r"^[A-Z0-9]{5}(-[A-Z0-9]{5}){4}$")
"""25 characters in five groups of five; the seed's "32-digit" is a known slip (design.md §2)."""


KEY_IN_TEXT = re.compile(r"[A-Z0-9]{5}(-[A-Z0-9]{5}){4}", re.IGNORECASE)


class KeyState(StrEnum):
    """available → allocated ⇄ suspended → revoked; a returned key goes to quarantine, never back to the pool."""

    AVAILABLE = "available"
    ALLOCATED = "allocated"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    QUARANTINED = "quarantined"


class ProductKey(Value):
    """A key as everybody but the revealer sees it: `masked` keeps the last five characters."""

    id: str
    line_id: str
    unit_number: int
    state: KeyState
    masked: str
    revealed_at: AwareDatetime | None = None
    revealed_by: str | None = None


class KeyName(Value):
    """Which key of an item, by id or by unit; an item with one key needs no name for it."""

    key_id: Identifier | None = None
    unit_number: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None

    @model_validator(mode="after")
    def _name_one(self) -> Self:
        if self.key_id is not None and self.unit_number is not None:
            raise ValueError("give key_id or unit_number, not both")
        return self


class RevealRequest(KeyName):
    """Which key of an item to show, and why."""

    reason: Line | None = None


def _without_key(text: str) -> str:
    if KEY_IN_TEXT.search(text):
        raise ValueError("holds a product key; say where it was seen, not what it is")
    return text


KeylessLine = Annotated[Line, AfterValidator(_without_key)]
"""One line of text that quotes no product key; whoever reports a leak tends to."""

KeylessParagraph = Annotated[Paragraph, AfterValidator(_without_key)]
"""Text with line breaks that quotes no product key."""


class KeyActRequest(KeyName):
    """Which key of an item to suspend, reinstate or replace, and why."""

    reason: KeylessLine


class RevealedKey(Value):
    """A key in clear, once, to one person; never stored, logged or sent through Temporal."""

    id: str
    product_key: str = Field(repr=False)
    reveal_id: str


def mask(last5: str) -> str:
    """`*****-*****-*****-*****-XWRTF`."""
    return "-".join(["*****"] * 4 + [last5])

"""Deliveries: one event on its way to one endpoint, and every attempt at it."""

from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, Field, model_validator

from models.base import Value
from models.cipher import Sealed
from models.outgoing import OutgoingEvent
from models.text import Identifier

ANSWER_SHOWN = 300
"""How many characters of an answer are kept."""


class DeliveryStatus(StrEnum):
    """pending → delivered, or given up after days; either may be asked for once more."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Delivery(Value):
    """One event for one endpoint."""

    id: str
    endpoint_id: str
    event_id: str
    type: str
    subject: str
    sequence: str
    status: DeliveryStatus
    status_at: AwareDatetime
    attempts: int
    next_attempt_at: AwareDatetime | None = Field(
        description="While pending; earlier events of the same subject go first."
    )


class DeliveryAttempt(Value):
    """One try: when, for how long, and what came back."""

    number: int
    started_at: AwareDatetime
    duration_ms: int
    status_code: int | None = Field(description="Null if nothing was answered.")
    error: str | None = Field(default=None, description="Why it does not count as delivered.")
    answer: str | None = Field(
        default=None, description=f"The first {ANSWER_SHOWN} characters that came back, cleaned."
    )


class DeliveryLog(Value):
    """A delivery with its attempts, the newest first."""

    delivery: Delivery
    attempts: tuple[DeliveryAttempt, ...]


class RedeliveryRequest(Value):
    """What to send once more: one delivery, or everything since an instant or behind a cursor of the feed."""

    delivery_id: Identifier | None = None
    since: AwareDatetime | None = None
    after: str | None = Field(default=None, max_length=500)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in dict(self).values()) != 1:
            raise ValueError("name one of delivery_id, since and after")
        return self


class Redelivery(Value):
    """How many deliveries are pending again."""

    queued: int


class SigningSecret(Value):
    """A secret of an endpoint as the book keeps it."""

    id: str
    sealed: Sealed


class DueDelivery(Value):
    """One delivery that this process has claimed for one attempt."""

    id: str
    endpoint_id: str
    url: str
    attempt: int
    event: OutgoingEvent
    secrets: tuple[SigningSecret, ...]

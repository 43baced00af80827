"""Endpoints: where somebody wants our events delivered, and by which secrets they are signed."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from models.base import Value
from models.outgoing import OutgoingType
from models.text import Line

LONGEST_OVERLAP_H = 7 * 24

Url = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=2000)]


class EndpointStatus(StrEnum):
    """active ⇄ disabled; a disabled one gets nothing, and goes on where it stopped once it is enabled."""

    ACTIVE = "active"
    DISABLED = "disabled"


class DisabledReason(StrEnum):
    """By its people, by its own answer 410, or because it took nothing for three days."""

    BY_HAND = "by_hand"
    GONE = "gone"
    FAILING = "failing"


class EndpointDraft(Value):
    """What is asked for: an address, and which events it wants."""

    url: Url = Field(description="https; no credentials in it, and no private address.")
    types: tuple[OutgoingType, ...] = Field(
        default=(), max_length=len(OutgoingType), description="Of these types only; empty for all."
    )
    description: Line | None = None


class Endpoint(Value):
    """A registered address; one of a partner gets that partner's events, one of the house gets all."""

    id: str
    partner_id: str | None
    url: str
    types: tuple[str, ...]
    description: str | None
    created_at: AwareDatetime
    created_by: str
    starts_after: str = Field(
        description="It gets every event behind this cursor of the feed; what is before it, the feed has."
    )
    status: EndpointStatus
    status_at: AwareDatetime
    disabled_reason: DisabledReason | None
    failing_since: AwareDatetime | None = Field(
        description="When the first attempt failed since the last one that was taken."
    )


class NewEndpoint(Value):
    """A new endpoint with its secret, which is not shown again."""

    endpoint: Endpoint
    secret: str = Field(description="`whsec_…`, for a Standard Webhooks library.")


class RotationRequest(Value):
    """How long the secrets of before still sign beside the new one."""

    old_valid_for_hours: int = Field(default=24, ge=0, le=LONGEST_OVERLAP_H)


class RotatedSecret(Value):
    """The new secret, which is not shown again."""

    secret: str = Field(description="`whsec_…`; signs from now on.")
    old_valid_until: AwareDatetime = Field(
        description="Until then every delivery is also signed by the secrets of before."
    )

"""The cancellation policy as data: versions for a family or some SKUs, frozen on the line at purchase."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, StringConstraints, field_validator, model_validator

from models.approval import ApprovalPlan
from models.base import Value
from models.catalogue import Family
from models.text import Identifier, Line


class RefundType(StrEnum):
    """How much of the charge a tier gives back."""

    FULL = "full"
    PARTIAL = "partial"


class RefundTier(Value):
    """One step of the window: until `expires_after` (ISO 8601 duration from the order's instant), inclusive."""

    type: RefundType
    expires_after: timedelta = Field(gt=timedelta(0))


class LinkTerms(Value):
    """How long a download link lives and how often it may be used (partner-center.md §1.2: two weeks or 50)."""

    expires_after: timedelta = Field(default=timedelta(days=14), gt=timedelta(0))
    max_uses: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 50


class OfferedReason(Value):
    """A reason for a refund, or for declining one, that people choose from, in both languages."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    en: Line
    cs: Line


USUAL_REASONS = (
    OfferedReason(code="ordered_by_mistake", en="Ordered by mistake", cs="Objednáno omylem"),
    OfferedReason(code="wrong_product", en="Wrong product or edition", cs="Nesprávný produkt"),
    OfferedReason(code="wrong_quantity", en="Wrong quantity", cs="Nesprávné množství"),
    OfferedReason(code="not_needed", en="No longer needed", cs="Už není potřeba"),
    OfferedReason(code="does_not_work", en="It does not work", cs="Nefunguje"),
    OfferedReason(code="other", en="Another reason", cs="Jiný důvod"),
)
"""What the form offers where a policy lists no reasons of its own."""

OTHER_REASON = "other"
"""The reason of a decline that names none, where the policy lists it."""

USUAL_DECLINE_REASONS = (
    OfferedReason(code="software_used", en="The software was used", cs="Software byl použit"),
    OfferedReason(
        code="reason_not_accepted",
        en="The reason is not one we refund for",
        cs="Z tohoto důvodu se peníze nevracejí",
    ),
    OfferedReason(
        code="evidence_missing", en="What we asked for is missing", cs="Chybí, co jsme žádali"
    ),
    OfferedReason(
        code="too_many_refunds", en="Too many refunds before", cs="Příliš mnoho vratek předtím"
    ),
    OfferedReason(code=OTHER_REASON, en="Another reason", cs="Jiný důvod"),
)
"""What an approver who declines chooses from where a policy lists no reasons of its own."""


class CancellationPolicy(Value):
    """One version of the terms for one product family, or for some SKUs of it; what an order line freezes.

    A field that is added here later joins `ADDED_LATER` and keeps its default for ever (ADR 0021).
    """

    id: str
    family: Family
    skus: tuple[Identifier, ...] = Field(default=(), description="Empty: the whole family.")
    version: int = Field(ge=1)
    effective_from: AwareDatetime
    refund_tiers: tuple[RefundTier, ...] = Field(min_length=1)
    refuse_revealed_key: bool = False
    refuse_started_download: bool = False
    partial_quantity: bool = Field(
        default=False,
        description="Whether some units of a line may go; only where each unit has its own key.",
    )
    reveal_reason_required: bool = False
    reasons: tuple[OfferedReason, ...] = Field(default=USUAL_REASONS, min_length=1)
    decline_reasons: tuple[OfferedReason, ...] = Field(default=USUAL_DECLINE_REASONS, min_length=1)
    links: LinkTerms = LinkTerms()
    approval: ApprovalPlan = ApprovalPlan()
    remind_before_close: timedelta = timedelta(days=7)

    @model_validator(mode="after")
    def _tiers_grow(self) -> Self:
        ends = [tier.expires_after for tier in self.refund_tiers]
        if ends != sorted(set(ends)):
            raise ValueError("each refund tier must end after the one before it")
        return self

    @field_validator("skus")
    @classmethod
    def _skus_in_order(cls, skus: tuple[str, ...]) -> tuple[str, ...]:
        if list(skus) != sorted(set(skus)):
            raise ValueError("SKUs are listed once each, in alphabetical order")
        return skus

    @field_validator("reasons", "decline_reasons")
    @classmethod
    def _reasons_once(cls, reasons: tuple[OfferedReason, ...]) -> tuple[OfferedReason, ...]:
        codes = [reason.code for reason in reasons]
        if len(codes) != len(set(codes)):
            raise ValueError("a reason is offered once")
        return reasons

    def window_closes_at(self, placed_at: datetime) -> datetime:
        """The last instant, in UTC, at which a cancellation earns anything; end inclusive (design.md §3)."""
        # In a zone with summer time the same sum would count wall-clock days, not days of 24 hours.
        return placed_at.astimezone(UTC) + self.refund_tiers[-1].expires_after

    def offers(self, reason_code: str) -> bool:
        """Whether a reason is one of those offered."""
        return any(reason.code == reason_code for reason in self.reasons)

    def decline_reason(self, reason_code: str | None) -> OfferedReason | None:
        """The listed reason for a decline with this code; the one that says `other` for no code."""
        wanted = OTHER_REASON if reason_code is None else reason_code
        return next((reason for reason in self.decline_reasons if reason.code == wanted), None)


ADDED_LATER: dict[str, tuple[str, ...]] = {
    "": (
        "skus",
        "refuse_started_download",
        "partial_quantity",
        "reveal_reason_required",
        "reasons",
        "decline_reasons",
        "links",
    ),
    "approval": ("stages", "by_amount", "undo_for"),
}
"""Fields the first policies did not have, by the part they stand in: documents leave them out at their default."""

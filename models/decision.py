"""Decisions: the one verdict that settles a cancellation, and every attempt at one."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from models.base import Message, Value
from models.money import Money
from models.text import Identifier, Paragraph
from models.undo import Undo


class Verdict(StrEnum):
    """How a cancellation is settled; exactly one stands per case, first wins."""

    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


Revision = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]


class DecisionDraft(Value):
    """The verdict; `amount` only with an approval, at most what was requested, which it is when left out."""

    verdict: Literal["approved", "declined"]
    amount: Money | None = None
    note: Paragraph | None = None
    reason_code: Identifier | None = Field(
        default=None,
        description="With a decline: one of the `decline_reasons` of the line's policy; left out, `other`.",
    )
    on_behalf_of: Identifier | None = Field(
        default=None,
        description="The approver the caller decides for under a delegation; left out, for themselves.",
    )
    revision: Revision | None = Field(
        default=None,
        description="The `revision` of the case as you saw it: if it has moved since, nothing is decided.",
    )

    @model_validator(mode="after")
    def _amounts_approve_and_reasons_decline(self) -> Self:
        if self.verdict == "declined" and self.amount is not None:
            raise ValueError("an amount goes with an approval only")
        if self.verdict == "approved" and self.reason_code is not None:
            raise ValueError("a reason code goes with a decline only")
        return self


class Decision(Value):
    """The settled verdict as the API shows it."""

    id: str
    cancellation_id: str
    verdict: Verdict
    decided_by: str
    on_behalf_of: str | None = Field(default=None, description="For whom they decided.")
    amount: Money | None
    note: str | None
    reason_code: str | None = Field(default=None, description="Why it was declined.")
    decided_at: AwareDatetime
    automatic: bool
    undo_until: AwareDatetime | None = Field(
        default=None,
        description="Until when the approval can be taken back, that instant included.",
    )
    undo: Undo | None = Field(
        default=None,
        description="Set once the approval was taken back; the decision stands no longer.",
    )


class DecisionAttempt(Message):
    """What an `approve`, `decline` or `withdraw` update carries: the note stays in the database under `id`.

    With a `revision` it counts only while the case is as it was then.
    """

    id: str
    cancellation_id: str
    actor_id: str
    verdict: Verdict
    amount_minor: int | None = None
    reason_code: str | None = None
    on_behalf_of: str | None = None
    revision: int | None = None


class DecisionRecord(Message):
    """What `record_decision` answers: recorded now or before, or refused with the code of the rule.

    While `approvals_missing` is not zero an approval was noted, and the case goes on waiting for more people.
    """

    recorded: bool
    decision_id: str | None = None
    verdict: Verdict | None = None
    decided_by: str | None = None
    amount_minor: int | None = None
    undo_until: AwareDatetime | None = None
    approvals_missing: int = 0
    refusal_code: str | None = None
    refusal: str | None = None

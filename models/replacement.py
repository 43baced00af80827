"""Replacements: a leaked key of a line gives way to a new one, once somebody else than the requester agrees."""

from datetime import timedelta
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from models.base import Message, Value
from models.decision import Verdict
from models.product_key import KeylessLine
from models.step import NumberedStep, Step


class ReplacementStatus(StrEnum):
    """requested → pending_approval → approved → completed; the rest end it without a new key."""

    REQUESTED = "requested"
    PENDING_APPROVAL = "pending_approval"
    APPROVED = "approved"
    COMPLETED = "completed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


REPLACEMENT_OVER = frozenset(
    {
        ReplacementStatus.COMPLETED,
        ReplacementStatus.DECLINED,
        ReplacementStatus.WITHDRAWN,
        ReplacementStatus.EXPIRED,
    }
)
"""The statuses nothing follows."""


class Replacement(Value):
    """A replacement as the API shows it; keys by id, never in clear."""

    id: str
    order_id: str
    line_id: str
    software_id: str
    partner_id: str
    customer_id: str
    unit_number: int
    old_key_id: str
    new_key_id: str | None
    reason: str
    requester_id: str
    requested_at: AwareDatetime
    status: ReplacementStatus
    decided_by: str | None
    decided_at: AwareDatetime | None
    note: str | None
    workflow_id: str


class ReplacementDecision(Value):
    """The verdict on a replacement."""

    verdict: Literal["approved", "declined"]
    note: KeylessLine | None = Field(default=None, description="Why, for the requester to read.")


class ReplacementInput(Message):
    """What starts ReplacementWorkflow: ids, and how long people and keys are waited for.

    The last of `remind_after` tells the operators, too.
    """

    replacement_id: str
    order_id: str
    order_number: int
    requester_id: str
    customer_tenant: str
    customer_name: str
    remind_after: tuple[timedelta, ...] = ()
    expire_after: timedelta = timedelta(days=14)
    first_wait: timedelta = timedelta(minutes=1)
    longest_wait: timedelta = timedelta(days=1)


class ReplacementAttempt(Message):
    """What a `settle` update carries: the note stays in the database under `id`."""

    id: str
    actor_id: str
    verdict: Verdict


class ReminderStep(NumberedStep):
    """Telling the approvers once more; `escalated`, the operators as well."""

    escalated: bool


class ReplacementStep(Step):
    """Settling a replacement with one attempt."""

    attempt: ReplacementAttempt


class Settled(Message):
    """What `settle_replacement` answers: the verdict that stands and whose, or why this one may not be."""

    attempt_id: str | None = None
    verdict: Verdict | None = None
    decided_by: str | None = None
    refusal_code: str | None = None
    refusal: str | None = None


class Issue(Message):
    """The verdict of `issue_key`: the new key is held, or the SKU whose pool is dry."""

    issued: bool
    missing_sku: str | None = None


class ReplacementStage(StrEnum):
    """Where ReplacementWorkflow is, in words operators read and search for (search attribute KeydeskStage)."""

    SUSPENDING = "suspending leaked key"
    WAITING_FOR_APPROVAL = "waiting for approval"
    ISSUING = "issuing new key"
    WAITING_FOR_STOCK = "waiting for keys"
    COMPLETED = "completed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class ReplacementState(Message):
    """The answer of the `status` query."""

    replacement_id: str
    stage: ReplacementStage
    verdict: Verdict | None = None
    needs_attention: str | None = None


class ReplacementOutcome(Message):
    """How a replacement ended."""

    replacement_id: str
    status: ReplacementStatus

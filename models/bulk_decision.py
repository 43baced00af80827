"""Bulk decisions: one verdict and one reason for many tickets, each settled by itself."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from models.approval import Approval
from models.base import Value
from models.decision import Decision, DecisionDraft, Revision
from models.text import Identifier, Paragraph


class TicketSeen(Value):
    """One ticket to decide, and its case as the approver saw it."""

    ticket_id: Identifier
    revision: Revision | None = Field(
        default=None,
        description="The `revision` of its case as you saw it: if it has moved since, it is not decided.",
    )


class BulkDecisionDraft(Value):
    """The verdict on all of them; an approval gives each what was requested for it, never an amount of its own."""

    tickets: Annotated[tuple[TicketSeen, ...], Field(min_length=1, max_length=100)]
    verdict: Literal["approved", "declined"]
    note: Paragraph | None = None
    reason_code: Identifier | None = Field(
        default=None, description="With a decline: one that the policy of each line lists."
    )

    @model_validator(mode="after")
    def _as_for_one(self) -> Self:
        self.draft_for(self.tickets[0])
        return self

    @model_validator(mode="after")
    def _each_ticket_once(self) -> Self:
        if len({seen.ticket_id for seen in self.tickets}) != len(self.tickets):
            raise ValueError("a ticket is decided once")
        return self

    def draft_for(self, seen: TicketSeen) -> DecisionDraft:
        """The decision as it would be sent for this ticket alone."""
        return DecisionDraft(
            verdict=self.verdict,
            note=self.note,
            reason_code=self.reason_code,
            revision=seen.revision,
        )


class TicketAnswer(Value):
    """What became of one ticket: what its own decision would have answered, and with which status."""

    ticket_id: str
    status: int = Field(description="201 decided, 202 more people are asked, else refused.")
    decision: Decision | None = None
    approval: Approval | None = None
    problem: dict[str, Any] | None = Field(
        default=None, description="The problem document of a refusal: `code`, `detail`, its facts."
    )


class BulkDecision(Value):
    """The answers in the order in which the tickets were named."""

    id: str
    settled: int = Field(description="How many of them now have this verdict or approval.")
    tickets: tuple[TicketAnswer, ...]

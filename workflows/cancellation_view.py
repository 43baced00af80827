"""What operators read about a cancellation in the Temporal UI: one paragraph in plain words."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.cancellation import Assessment, CancellationInput, CancellationStage
    from models.decision import DecisionRecord
    from models.money import Money
    from models.ticket import TicketReceipt

_NEXT = {
    CancellationStage.VALIDATING: "the request is judged by the instant it was received",
    CancellationStage.OPENING_TICKET: "a ticket is opened",
    CancellationStage.WAITING_FOR_APPROVAL: "a refund approver decides",
    CancellationStage.WAITING_FOR_REQUESTER: "the requester answers, then an approver decides",
    CancellationStage.UNDOABLE: "the product key is suspended",
    CancellationStage.SUSPENDING_KEY: "the credit is booked",
    CancellationStage.BOOKING_CREDIT: "the product key is revoked",
    CancellationStage.REVOKING_KEY: "the ticket is closed",
    CancellationStage.CLOSING_TICKET: "nothing; the case is done",
    CancellationStage.COMPENSATING: "the product key works again",
}

GUIDE = "\n\n".join(
    (
        "**Steps:** validate window → create ticket → await approval → suspend key → book credit → "
        "revoke key → close ticket.",
        "**If it needs attention:** a failing step is retried for ever by itself; *Pending Activities* "
        "has the reason. Once the cause is gone, the Update `retry` saves the wait. Before the credit "
        "is booked, the Update `compensate` gives the case up and lets the key work again. After it "
        "there is only forward.",
        "**Not to be done:** terminate or cancel; a reset only as the runbook says. Nobody decides "
        "here: approvals go through the ticket.",
    )
)


def describe(
    request: CancellationInput,
    stage: CancellationStage,
    ticket: TicketReceipt | None,
    assessment: Assessment | None,
    decision: DecisionRecord | None,
    approvals_missing: int | None,
    problem: str | None,
) -> str:
    """What happens, for whom, and what is next; ids and amounts only, no contact data."""
    number = f"ticket {ticket.ticket_number}" if ticket else "no ticket yet"
    told = [
        f"**{stage.capitalize()}** — order {request.order_number} of {request.customer_name} "
        f"({request.customer_tenant}), {number}."
    ]
    if stage in _NEXT:
        told.append(f"Next: {_NEXT[stage]}.")
    if assessment is not None and assessment.eligible:
        asked = Money(amount_minor=assessment.requested_minor, currency=assessment.currency)
        told.append(f"Requested credit: {asked}.")
    if assessment is not None and approvals_missing is not None and decision is None:
        given = assessment.approvals_needed - approvals_missing
        told.append(f"Approvals: {given} of {assessment.approvals_needed}.")
    if decision is not None:
        told.append(f"Decision: {decision.verdict} by {decision.decided_by}.")
        if stage is CancellationStage.UNDOABLE and decision.undo_until is not None:
            told.append(f"It can be taken back until {decision.undo_until:%Y-%m-%d %H:%M:%S} UTC.")
    if problem is not None:
        told.append(f"**Needs attention:** {problem}")
    return "\n\n".join(told)

"""What operators read about a replacement in the Temporal UI: one paragraph in plain words."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.replacement import ReplacementInput, ReplacementStage, Settled

_NEXT = {
    ReplacementStage.SUSPENDING: "a refund approver decides",
    ReplacementStage.WAITING_FOR_APPROVAL: "a refund approver decides",
    ReplacementStage.ISSUING: "the leaked key is dead and its unit has a new one",
    ReplacementStage.WAITING_FOR_STOCK: "import keys; the replacement goes on by itself",
}

GUIDE = "\n\n".join(
    (
        "**Steps:** suspend the leaked key → await the decision → revoke it and issue a new one.",
        "**If it waits for keys:** `keydesk import-keys` fills the pool; it goes on by itself.",
        "**Not to be done:** terminate or cancel; a reset only as the runbook says. Nobody decides "
        "here: decisions go through the API.",
    )
)


def describe(
    request: ReplacementInput,
    stage: ReplacementStage,
    settled: Settled | None,
    problem: str | None,
) -> str:
    """What happens, for whom, and what is next; ids only."""
    told = [
        f"**{stage.capitalize()}** — order {request.order_number} of {request.customer_name} "
        f"({request.customer_tenant})."
    ]
    if stage in _NEXT:
        told.append(f"Next: {_NEXT[stage]}.")
    if settled is not None:
        told.append(f"Decision: {settled.verdict} by {settled.decided_by}.")
    if problem is not None:
        told.append(f"**Needs attention:** {problem}")
    return "\n\n".join(told)

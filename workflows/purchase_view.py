"""What operators read about a purchase in the Temporal UI: one paragraph in plain words."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.order import PurchaseInput, PurchaseStage, Validation

_NEXT = {
    PurchaseStage.VALIDATING: "the partner's account is charged",
    PurchaseStage.CHARGING: "product keys are allocated",
    PurchaseStage.ALLOCATING: "downloads are opened",
    PurchaseStage.WAITING_FOR_STOCK: "import keys; the order goes on by itself",
    PurchaseStage.DELIVERING: "the cancellation window stays open",
    PurchaseStage.WAITING_FOR_CANCELLATION: "the open cancellation ends, then the order is final",
    PurchaseStage.REVERSING: "the order is closed as failed",
}

GUIDE = "\n\n".join(
    (
        "**Steps:** validate order → charge the partner's account → allocate product keys → open "
        "downloads → keep the cancellation window → final.",
        "**If it waits for keys:** `keydesk import-keys` fills the pool; the order goes on by itself, "
        "at once with the Update `retry`. The Update `compensate` gives the order up: the charge is "
        "reversed and the buyer told.",
        "**Not to be done:** terminate or cancel; a reset only as the runbook says. A cancellation of "
        "a line is a workflow of its own and reports here.",
    )
)


def describe(
    request: PurchaseInput,
    stage: PurchaseStage,
    validation: Validation | None,
    cancelled_lines: int,
    problem: str | None,
) -> str:
    """What happens, for whom, and what is next; ids and amounts only, no contact data."""
    total = f", {validation.total_text}" if validation else ""
    told = [
        f"**{stage.capitalize()}** — order {request.order_number} of {request.customer_name} "
        f"({request.customer_tenant}){total}."
    ]
    if stage is PurchaseStage.WINDOW_OPEN and validation and validation.window_closes_at:
        told.append(
            f"Next: the window closes at {validation.window_closes_at:%Y-%m-%d %H:%M:%S} UTC."
        )
    elif stage in _NEXT:
        told.append(f"Next: {_NEXT[stage]}.")
    if validation and cancelled_lines:
        told.append(f"Cancelled lines: {cancelled_lines} of {validation.line_count}.")
    if problem is not None:
        told.append(f"**Needs attention:** {problem}")
    return "\n\n".join(told)

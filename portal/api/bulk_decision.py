"""Bulk decisions over the API."""

from typing import Annotated

from fastapi import Request

from models.bulk_decision import BulkDecision, BulkDecisionDraft
from models.ids import Prefix
from models.principal import Principal
from portal.auth import allow
from portal.bulk_decision import decide_all
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.state import State
from rules.permission import Act

router = door("tickets")


@router.post("/tickets/bulk-decisions", summary="Approve or decline many")
async def decide_many(
    request: Request,
    draft: BulkDecisionDraft,
    caller: Annotated[Principal, allow(Act.DECIDE)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.BULK_DECISION)],
) -> BulkDecision:
    """One verdict and one reason for up to a hundred tickets; each is decided as it would be alone.

    The answers stand in the order of the tickets, each with the status and, if it was refused, the problem of its
    own decision. What is refused or away holds up nothing else: repeat the request with the same Idempotency-Key
    to finish what a break or a neighbour left undone.
    """
    return await decide_all(state.desk, draft, await take_receipt(), caller, request)

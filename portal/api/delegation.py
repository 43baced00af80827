"""Delegations over the API: an approver who is away has another approver act for them."""

from typing import Annotated

from fastapi import Response
from starlette.concurrency import run_in_threadpool

from models.delegation import Delegation, DelegationDraft
from models.ids import Prefix
from models.principal import Principal
from models.text import Identifier
from portal.auth import allow
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.pagination import ById, Page
from portal.state import State
from rules.permission import Act
from storage import delegation

router = door("delegations")


@router.get("/delegations", summary="List delegations")
def list_delegations(
    caller: Annotated[Principal, allow(Act.DELEGATE)], state: State, paging: ById
) -> Page[Delegation]:
    """Newest first."""
    with state.database.reading() as connection:
        found = delegation.list_delegations(
            connection, caller, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda one: one.id)


@router.post("/delegations", status_code=201, summary="Have another approver act for one")
async def make_delegation(
    draft: DelegationDraft,
    caller: Annotated[Principal, allow(Act.DELEGATE)],
    state: State,
    response: Response,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.DELEGATION)],
) -> Delegation:
    """By the approver, or by an operator for one who is away; both are approvers of one side.

    What the delegate decides in that time with `on_behalf_of` counts as the approver's own, and never where the
    approver asked for it.
    """
    receipt = await take_receipt()
    made = await run_in_threadpool(
        delegation.make_delegation,
        state.database,
        draft,
        receipt.resource_id,
        caller,
        receipt.received_at,
    )
    response.headers["Location"] = f"/api/v1/delegations/{made.id}"
    return made


@router.post(
    "/delegations/{delegation_id}/revocation", status_code=201, summary="End a delegation early"
)
async def revoke_delegation(
    delegation_id: Identifier,
    caller: Annotated[Principal, allow(Act.DELEGATE)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> Delegation:
    """By its approver or an operator, at once; what was decided under it stands."""
    receipt = await take_receipt()
    return await run_in_threadpool(
        delegation.revoke_delegation, state.database, delegation_id, caller, receipt.received_at
    )

"""Replacements over the API: a leaked key suspended, replaced by request and decision, and followed."""

from typing import Annotated

from fastapi import Query, Response

from models.decision import Verdict
from models.ids import Prefix
from models.principal import Principal
from models.product_key import KeyActRequest
from models.replacement import Replacement, ReplacementDecision, ReplacementStatus
from models.software import Software
from models.text import Identifier
from portal.auth import allow
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.pagination import ByInstant, Page
from portal.state import State
from rules.permission import Act
from storage import replacement_view, software_view

router = door("replacements")


@router.post(
    "/software/{software_id}/key-suspensions", status_code=201, summary="Suspend one product key"
)
async def suspend_key(
    software_id: Identifier,
    request: KeyActRequest,
    caller: Annotated[Principal, allow(Act.SUSPEND_KEY)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> Software:
    """For operators, when a leak is suspected; the item stays active, the key is shown to nobody."""
    await state.desk.replacements.suspend_key(software_id, request, await take_receipt(), caller)
    return _item(state, caller, software_id)


@router.post(
    "/software/{software_id}/key-reinstatements",
    status_code=201,
    summary="Let a suspended product key work again",
)
async def reinstate_key(
    software_id: Identifier,
    request: KeyActRequest,
    caller: Annotated[Principal, allow(Act.SUSPEND_KEY)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> Software:
    """For operators, when there was no leak; not while the line is being cancelled or a key of it replaced."""
    await state.desk.replacements.reinstate_key(software_id, request, await take_receipt(), caller)
    return _item(state, caller, software_id)


@router.post(
    "/software/{software_id}/key-replacements",
    status_code=201,
    summary="Ask to replace a leaked product key",
)
async def request_replacement(
    software_id: Identifier,
    request: KeyActRequest,
    caller: Annotated[Principal, allow(Act.REQUEST_REPLACEMENT)],
    state: State,
    response: Response,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.REPLACEMENT)],
) -> Replacement:
    """The key is suspended at once; an approver decides whether the unit gets another one."""
    receipt = await take_receipt()
    found = await state.desk.replacements.request(software_id, request, receipt, caller)
    response.headers["Location"] = f"/api/v1/replacements/{found.id}"
    return found


@router.get("/replacements", summary="List replacements of product keys")
def list_replacements(
    caller: Annotated[Principal, allow(Act.READ_REPLACEMENT)],
    state: State,
    paging: ByInstant,
    status: Annotated[ReplacementStatus | None, Query(description="Only in this status.")] = None,
) -> Page[Replacement]:
    """Newest first."""
    with state.database.reading() as connection:
        found = replacement_view.list_replacements(
            connection, caller, status=status, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda one: (one.requested_at, one.id))


@router.get("/replacements/{replacement_id}", summary="Read one replacement")
async def read_replacement(
    replacement_id: Identifier,
    caller: Annotated[Principal, allow(Act.READ_REPLACEMENT)],
    state: State,
) -> Replacement:
    """How far it has come, and who decided."""
    return await state.desk.replacements.find(caller, replacement_id)


@router.post(
    "/replacements/{replacement_id}/decisions", status_code=201, summary="Approve or decline"
)
async def decide_replacement(
    replacement_id: Identifier,
    decision: ReplacementDecision,
    caller: Annotated[Principal, allow(Act.DECIDE)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.DECISION)],
) -> Replacement:
    """Approved, the old key is revoked and its unit gets a new one; declined, the old key works again."""
    verdict = Verdict(decision.verdict)
    receipt = await take_receipt()
    return await state.desk.replacements.decide(
        replacement_id, verdict, decision.note, receipt, caller
    )


@router.post(
    "/replacements/{replacement_id}/withdrawal", status_code=201, summary="Take a request back"
)
async def withdraw_replacement(
    replacement_id: Identifier,
    caller: Annotated[Principal, allow(Act.REQUEST_REPLACEMENT)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.DECISION)],
) -> Replacement:
    """By its requester, until somebody has decided; the key works again, and the item can be cancelled."""
    receipt = await take_receipt()
    return await state.desk.replacements.withdraw(replacement_id, receipt, caller)


def _item(state: State, caller: Principal, software_id: str) -> Software:
    with state.database.reading() as connection:
        found = software_view.find_software(connection, caller, software_id)
    assert found is not None, "the act found it"
    return found

"""Cancellations over the API: asking for one, following it, taking it back, and an operator's repair."""

from typing import Annotated

from fastapi import Query, Response

from models.base import Value
from models.cancellation import (
    Cancellation,
    CancellationRequest,
    CancellationState,
    CancellationStatus,
)
from models.decision import Decision
from models.errors import NotFound
from models.ids import Prefix
from models.outlook import ExplainedQuote, Language
from models.principal import Principal
from models.text import Identifier, Paragraph
from models.timeline import TimelineEntry
from portal.auth import allow
from portal.decision import settled
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.pagination import ByInstant, ByNumber, Page
from portal.state import State
from rules.explanation import explained
from rules.permission import Act
from storage import cancellation_view
from storage.timeline import read_timeline

router = door("cancellations")


class WithdrawalDraft(Value):
    """Why a request is taken back."""

    note: Paragraph | None = None


@router.post("/cancellations", status_code=201, summary="Ask to cancel a software item")
async def request_cancellation(
    request: CancellationRequest,
    caller: Annotated[Principal, allow(Act.REQUEST_CANCELLATION)],
    state: State,
    response: Response,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.CANCELLATION)],
) -> Cancellation:
    """The instant of the first try counts; what the order already says is not asked again."""
    receipt = await take_receipt()
    found = await state.desk.request_cancellation(request, receipt, caller)
    response.headers["Location"] = f"/api/v1/cancellations/{found.id}"
    return found


@router.get("/cancellations", summary="List cancellations")
def list_cancellations(
    caller: Annotated[Principal, allow(Act.READ_CANCELLATION)],
    state: State,
    paging: ByInstant,
    order_id: Annotated[Identifier | None, Query(description="Only of this order.")] = None,
    status: Annotated[CancellationStatus | None, Query(description="Only in this status.")] = None,
) -> Page[Cancellation]:
    """Newest first."""
    with state.database.reading() as connection:
        found = cancellation_view.list_cancellations(
            connection,
            caller,
            order_id=order_id,
            status=status,
            after=paging.after,
            limit=paging.probe,
        )
    return paging.page(found, lambda case: (case.received_at, case.id))


@router.get("/cancellations/{cancellation_id}", summary="Read one cancellation")
def read_cancellation(
    cancellation_id: Identifier,
    caller: Annotated[Principal, allow(Act.READ_CANCELLATION)],
    state: State,
) -> Cancellation:
    """How far it has come, with its ticket, verdict and credit."""
    return _find(state, caller, cancellation_id)


@router.get("/cancellations/{cancellation_id}/quote", summary="Read what it was judged by")
def read_cancellation_quote(
    cancellation_id: Identifier,
    caller: Annotated[Principal, allow(Act.READ_CANCELLATION)],
    state: State,
    lang: Annotated[
        Language, Query(description="The language of the explanation.")
    ] = Language.ENGLISH,
) -> ExplainedQuote:
    """The verdict, credit, deadline, facts and outlook as stored with the case; what the approver decides on."""
    _find(state, caller, cancellation_id)
    with state.database.reading() as connection:
        found = cancellation_view.find_quote(connection, cancellation_id)
    if found is None:
        raise NotFound("quote")
    return explained(found, lang)


@router.get("/cancellations/{cancellation_id}/timeline", summary="Read what happened to it")
def read_cancellation_timeline(
    cancellation_id: Identifier,
    caller: Annotated[Principal, allow(Act.READ_CANCELLATION)],
    state: State,
    paging: ByNumber,
) -> Page[TimelineEntry]:
    """One sentence per step, oldest first."""
    case = _find(state, caller, cancellation_id)
    with state.database.reading() as connection:
        found = read_timeline(
            connection,
            case.order_id,
            cancellation_id=case.id,
            after=paging.after,
            limit=paging.probe,
        )
    return paging.page(found, lambda entry: entry.number)


@router.post(
    "/cancellations/{cancellation_id}/withdrawal", status_code=201, summary="Take a request back"
)
async def withdraw_cancellation(
    cancellation_id: Identifier,
    caller: Annotated[Principal, allow(Act.WITHDRAW_CANCELLATION)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.DECISION)],
    draft: WithdrawalDraft | None = None,
) -> Decision:
    """Possible until somebody has decided; the verdict is then `withdrawn`."""
    receipt = await take_receipt()
    note = draft.note if draft else None
    attempt = state.desk.withdraw(cancellation_id, note, receipt, caller)
    answer = await settled(state.database, cancellation_id, receipt, attempt)
    assert isinstance(answer, Decision), "nobody else is asked about a withdrawal"
    return answer


@router.post("/cancellations/{cancellation_id}/retry", summary="Try a failing step again at once")
async def retry_cancellation(
    cancellation_id: Identifier,
    caller: Annotated[Principal, allow(Act.REPAIR)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> CancellationState:
    """For operators; the step would be tried again by itself, only later."""
    return await state.desk.retry_cancellation(cancellation_id, await take_receipt(), caller)


@router.post("/cancellations/{cancellation_id}/compensation", summary="Give an approved case up")
async def compensate_cancellation(
    cancellation_id: Identifier,
    caller: Annotated[Principal, allow(Act.REPAIR)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> CancellationState:
    """For operators; only while a step fails before the credit is booked. The key works again."""
    return await state.desk.compensate_cancellation(cancellation_id, await take_receipt(), caller)


def _find(state: State, caller: Principal, cancellation_id: str) -> Cancellation:
    with state.database.reading() as connection:
        found = cancellation_view.find_cancellation(connection, caller, cancellation_id)
    if found is None:
        raise NotFound("cancellation")
    return found

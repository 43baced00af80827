"""Tickets that people work on without a process: opening, resolving and reopening inquiries, and assignment."""

from typing import Annotated

from models.ids import Prefix
from models.inquiry import Assignment, InquiryDraft
from models.principal import Principal
from models.text import Identifier
from models.ticket import Ticket, TicketNote
from portal.api.ticket import MessageDraft
from portal.auth import allow
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.state import State
from rules.permission import Act

router = door("tickets")

Resolver = Annotated[Principal, allow(Act.RESOLVE_INQUIRY)]
NoteReceipt = Annotated[TakeReceipt, idempotent(Prefix.NOTE)]


@router.post("/tickets", status_code=201, summary="Open an inquiry")
async def open_inquiry(
    draft: InquiryDraft,
    caller: Annotated[Principal, allow(Act.OPEN_INQUIRY)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.TICKET)],
) -> Ticket:
    """About anything but a cancellation, which is requested with `POST /cancellations`."""
    return await state.desk.inquiries.open(draft, await take_receipt(), caller)


@router.post("/tickets/{ticket_id}/resolution", status_code=201, summary="Resolve an inquiry")
async def resolve(
    ticket_id: Identifier,
    draft: MessageDraft,
    caller: Resolver,
    state: State,
    take_receipt: NoteReceipt,
) -> TicketNote:
    """Says how it was done. It can be reopened until `closes_at`; then it closes for good."""
    return await state.desk.inquiries.resolve(ticket_id, draft.text, await take_receipt(), caller)


@router.post("/tickets/{ticket_id}/reopening", status_code=201, summary="Reopen an inquiry")
async def reopen(
    ticket_id: Identifier,
    draft: MessageDraft,
    caller: Resolver,
    state: State,
    take_receipt: NoteReceipt,
) -> TicketNote:
    """Says what is not done yet."""
    return await state.desk.inquiries.reopen(ticket_id, draft.text, await take_receipt(), caller)


@router.post("/tickets/{ticket_id}/assignment", status_code=201, summary="Assign a ticket")
async def assign(
    ticket_id: Identifier,
    draft: Assignment,
    caller: Annotated[Principal, allow(Act.HANDLE_TICKET)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> Ticket:
    """To an approver or operator who sees it, who is told; to nobody with null."""
    receipt = await take_receipt()
    return await state.desk.inquiries.assign(ticket_id, draft.assignee_id, receipt, caller)

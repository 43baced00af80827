"""Tickets over the API: reading, notes, questions and answers."""

from typing import Annotated

from fastapi import Query

from models.base import Value
from models.errors import NotFound
from models.ids import Prefix
from models.principal import Principal
from models.text import Identifier, Paragraph
from models.ticket import Audience, Ticket, TicketKind, TicketNote
from portal.auth import allow
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.pagination import ByInstant, Page
from portal.state import State
from rules.permission import Act
from storage import ticket_view

router = door("tickets")


class NoteDraft(Value):
    """What to write, and who may read it."""

    audience: Audience = Audience.PARTNER
    text: Paragraph


class MessageDraft(Value):
    """A question or an answer."""

    text: Paragraph


@router.get("/tickets", summary="List tickets")
def list_tickets(
    caller: Annotated[Principal, allow(Act.READ_TICKET)],
    state: State,
    paging: ByInstant,
    kind: Annotated[TicketKind | None, Query(description="Only of this kind.")] = None,
) -> Page[Ticket]:
    """Newest first, without their notes."""
    with state.database.reading() as connection:
        found = ticket_view.list_tickets(
            connection, caller, state.clock(), kind=kind, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda ticket: (ticket.opened_at, ticket.id))


@router.get("/tickets/{ticket_id}", summary="Read one ticket")
def read_ticket(
    ticket_id: Identifier, caller: Annotated[Principal, allow(Act.READ_TICKET)], state: State
) -> Ticket:
    """The ticket with the notes meant for the caller."""
    with state.database.reading() as connection:
        found = ticket_view.find_ticket(connection, caller, ticket_id, state.clock())
    if found is None:
        raise NotFound("ticket")
    return found


@router.post("/tickets/{ticket_id}/notes", status_code=201, summary="Write a note")
async def write_note(
    ticket_id: Identifier,
    draft: NoteDraft,
    caller: Annotated[Principal, allow(Act.WRITE_NOTE)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.NOTE)],
) -> TicketNote:
    """An internal note is for house staff only, to write and to read."""
    receipt = await take_receipt()
    return await state.desk.write_note(ticket_id, draft.audience, draft.text, receipt, caller)


@router.post("/tickets/{ticket_id}/questions", status_code=201, summary="Ask the requester")
async def ask(
    ticket_id: Identifier,
    draft: MessageDraft,
    caller: Annotated[Principal, allow(Act.DECIDE)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.NOTE)],
) -> TicketNote:
    """The case then waits for the requester; its clocks go on."""
    return await state.desk.ask(ticket_id, draft.text, await take_receipt(), caller)


@router.post("/tickets/{ticket_id}/answers", status_code=201, summary="Answer the open question")
async def answer(
    ticket_id: Identifier,
    draft: MessageDraft,
    caller: Annotated[Principal, allow(Act.ANSWER)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.NOTE)],
) -> TicketNote:
    """The case then waits for approval again."""
    return await state.desk.answer(ticket_id, draft.text, await take_receipt(), caller)

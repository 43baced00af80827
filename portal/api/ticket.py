"""Tickets over the API: worklists, search, export, reading, notes, questions and answers."""

from typing import Annotated

from fastapi import Depends, Query
from fastapi.responses import StreamingResponse

from models.base import Value
from models.errors import NotFound
from models.ids import Prefix
from models.principal import Principal
from models.product_key import KeylessParagraph
from models.text import Identifier, Line
from models.ticket import Audience, Ticket, TicketKind, TicketNote
from models.timeline import TimelineEntry
from models.worklist import TicketQuery, Worklist
from portal.auth import allow
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.pagination import ByInstant, ByNumber, Page
from portal.state import State
from portal.ticket_file import csv_lines
from rules.permission import Act
from storage import ticket_note, ticket_view, timeline, worklist

router = door("tickets")


class NoteDraft(Value):
    """What to write, and who may read it."""

    audience: Audience = Audience.PARTNER
    text: KeylessParagraph


class MessageDraft(Value):
    """A question or an answer."""

    text: KeylessParagraph


def _wanted(
    kind: Annotated[TicketKind | None, Query(description="Only of this kind.")] = None,
    worklist: Annotated[Worklist | None, Query(description="Only those on this list.")] = None,
    search: Annotated[
        Line | None,
        Query(
            description="Beginnings of words, all of which stand in the number, the title, the customer's name or "
            "domain, or the order's number."
        ),
    ] = None,
) -> TicketQuery:
    return TicketQuery(kind=kind, worklist=worklist, search=search)


Reader = Annotated[Principal, allow(Act.READ_TICKET)]
Wanted = Annotated[TicketQuery, Depends(_wanted)]


@router.get("/tickets", summary="List tickets")
def list_tickets(caller: Reader, state: State, paging: ByInstant, wanted: Wanted) -> Page[Ticket]:
    """Newest first, without their notes; those of `due_soon` by the instant until which they want an answer."""
    with state.database.reading() as connection:
        found = worklist.list_tickets(
            connection, caller, state.clock(), wanted, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda ticket: worklist.place_of(ticket, wanted))


@router.get(
    "/tickets.csv",
    summary="Export tickets",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}}},
)
def export_tickets(caller: Reader, state: State, wanted: Wanted) -> StreamingResponse:
    """The whole list as CSV for a spreadsheet, in which no cell is a formula; without descriptions and contacts."""
    found = worklist.every_ticket(state.database, caller, state.clock(), wanted)
    return StreamingResponse(
        csv_lines(found),
        media_type="text/csv",
        headers={
            "Content-Disposition": 'attachment; filename="tickets.csv"',
            "Cache-Control": "private, no-store",
        },
    )


@router.get("/tickets/{ticket_id}", summary="Read one ticket")
def read_ticket(ticket_id: Identifier, caller: Reader, state: State) -> Ticket:
    """The ticket with the notes meant for the caller."""
    with state.database.reading() as connection:
        found = ticket_view.find_ticket(connection, caller, ticket_id, state.clock())
    if found is None:
        raise NotFound("ticket")
    return found


@router.get("/tickets/{ticket_id}/timeline", summary="Read what happened on a ticket")
def read_ticket_timeline(
    ticket_id: Identifier, caller: Reader, state: State, paging: ByNumber
) -> Page[TimelineEntry]:
    """Oldest first: what happened to its case or to the inquiry, and whose work it was."""
    with state.database.reading() as connection:
        ticket = ticket_note.find_row(connection, caller, ticket_id)
        found = timeline.read_ticket_timeline(
            connection, ticket, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda entry: entry.number)


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
    caller: Annotated[Principal, allow(Act.HANDLE_TICKET)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.NOTE)],
) -> TicketNote:
    """The ticket then waits for the requester; its clocks go on. A cancellation is asked about by an approver."""
    return await state.desk.ask(ticket_id, draft.text, await take_receipt(), caller)


@router.post("/tickets/{ticket_id}/answers", status_code=201, summary="Answer the open question")
async def answer(
    ticket_id: Identifier,
    draft: MessageDraft,
    caller: Annotated[Principal, allow(Act.ANSWER_INQUIRY)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.NOTE)],
) -> TicketNote:
    """The ticket waits no longer. Of a cancellation, an admin agent answers, and it waits for approval again."""
    return await state.desk.answer(ticket_id, draft.text, await take_receipt(), caller)

"""What the desk does about tickets that no process runs: inquiries, and whose work a ticket is."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from models.errors import KeydeskError
from models.inquiry import InquiryDraft
from models.principal import Principal
from models.receipt import Receipt
from models.step import Done
from models.ticket import Audience, Ticket, TicketNote
from portal.lookup import Lookup
from rules.permission import Act, require
from storage import assignment, inquiry
from storage.engine import Database
from storage.receipt import forget_receipt

_Say = Callable[[Database, Principal, str, TicketNote], Done]


class InquiryDesk:
    """One verb, one method; role and scope are checked here and in the act's own transaction."""

    def __init__(self, database: Database, find: Lookup) -> None:
        self._database = database
        self._find = find

    async def open(self, draft: InquiryDraft, receipt: Receipt, principal: Principal) -> Ticket:
        """Open a ticket about anything but a cancellation."""
        require(principal, Act.OPEN_INQUIRY)
        ticket_id, at = receipt.resource_id, receipt.received_at
        try:
            await run_in_threadpool(
                inquiry.open_inquiry, self._database, draft, ticket_id, principal, at
            )
        except KeydeskError as error:
            if error.permanent:
                await run_in_threadpool(forget_receipt, self._database, ticket_id)
            raise
        return await self._find.ticket(principal, ticket_id, at)

    async def ask(
        self, ticket_id: str, text: str, receipt: Receipt, principal: Principal
    ) -> TicketNote:
        """Ask who opened it."""
        require(principal, Act.HANDLE_TICKET)
        return await self._say(inquiry.ask_opener, ticket_id, text, receipt, principal)

    async def answer(
        self, ticket_id: str, text: str, receipt: Receipt, principal: Principal
    ) -> TicketNote:
        """Answer the open question."""
        require(principal, Act.ANSWER_INQUIRY)
        return await self._say(inquiry.answer_inquiry, ticket_id, text, receipt, principal)

    async def resolve(
        self, ticket_id: str, text: str, receipt: Receipt, principal: Principal
    ) -> TicketNote:
        """State that it is done."""
        require(principal, Act.RESOLVE_INQUIRY)
        return await self._say(inquiry.resolve_inquiry, ticket_id, text, receipt, principal)

    async def reopen(
        self, ticket_id: str, text: str, receipt: Receipt, principal: Principal
    ) -> TicketNote:
        """Take the resolution back."""
        require(principal, Act.RESOLVE_INQUIRY)
        return await self._say(inquiry.reopen_inquiry, ticket_id, text, receipt, principal)

    async def _say(
        self, say: _Say, ticket_id: str, text: str, receipt: Receipt, principal: Principal
    ) -> TicketNote:
        note = TicketNote(
            id=receipt.resource_id,
            author_id=principal.user_id,
            audience=Audience.PARTNER,
            text=text,
            written_at=receipt.received_at,
        )
        await run_in_threadpool(say, self._database, principal, ticket_id, note)
        return note

    async def assign(
        self, ticket_id: str, assignee_id: str | None, receipt: Receipt, principal: Principal
    ) -> Ticket:
        """Give any ticket to somebody, or back to everybody."""
        require(principal, Act.HANDLE_TICKET)
        act_id, at = receipt.resource_id, receipt.received_at
        await run_in_threadpool(
            assignment.assign_ticket, self._database, principal, ticket_id, assignee_id, act_id, at
        )
        return await self._find.ticket(principal, ticket_id, at)

    async def look_after(self, now: datetime) -> None:
        """Escalate what was not answered in time, and close what can no longer be reopened."""
        await self._each(inquiry.inquiries_overdue, inquiry.escalate_inquiry, now)
        await self._each(inquiry.inquiries_due, inquiry.close_inquiry, now)

    async def _each(
        self,
        look: Callable[[Connection, datetime], list[str]],
        act: Callable[[Database, str, datetime], Done],
        now: datetime,
    ) -> None:
        def every() -> None:
            with self._database.reading() as connection:
                found = look(connection, now)
            for ticket_id in found:
                act(self._database, ticket_id, now)

        await run_in_threadpool(every)

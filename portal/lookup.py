"""Finding what a verb is about, within the caller's sight: another tenant's thing is no thing."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from models.cancellation import Cancellation
from models.errors import Forbidden, NotFound, Refused
from models.order import Order
from models.principal import Principal
from models.ticket import Ticket, TicketKind
from rules.approval import acts_for_requester
from storage import cancellation_view, order_view, ticket_note, ticket_view
from storage.delegation import acting_for
from storage.engine import Database

Found = TypeVar("Found")


class Lookup:
    """Each method answers the thing, or raises NotFound with its noun."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def order(self, order_id: str) -> Order:
        """The order as it stands now, whoever asks."""
        return await self._find("order", lambda book: order_view.find_order(book, order_id))

    async def customer(self, principal: Principal, customer_id: str) -> None:
        """Nothing, if the customer is the caller's to act for."""

        def covered(book: Connection) -> bool | None:
            return order_view.covers_customer(book, principal, customer_id) or None

        await self._find("customer", covered)

    async def order_of_software(self, principal: Principal, software_id: str) -> str:
        """The id of the order behind a software item."""
        return await self._find(
            "software",
            lambda book: cancellation_view.order_of_software(book, principal, software_id),
        )

    async def cancellation(self, principal: Principal, cancellation_id: str) -> Cancellation:
        """One case."""
        return await self._find(
            "cancellation",
            lambda book: cancellation_view.find_cancellation(book, principal, cancellation_id),
        )

    async def case_of_ticket(self, principal: Principal, ticket_id: str) -> Cancellation:
        """The case behind a ticket; Refused where there is none to be."""
        if await self.kind_of_ticket(principal, ticket_id) is not TicketKind.CANCELLATION:
            raise Refused("not_a_cancellation", "This ticket is about no cancellation.")
        return await self._find(
            "ticket", lambda book: cancellation_view.find_by_ticket(book, principal, ticket_id)
        )

    async def ticket(self, principal: Principal, ticket_id: str, now: datetime) -> Ticket:
        """One ticket, and how its clock stands then."""
        return await self._find(
            "ticket", lambda book: ticket_view.find_ticket(book, principal, ticket_id, now)
        )

    async def kind_of_ticket(self, principal: Principal, ticket_id: str) -> TicketKind:
        """What a ticket is about."""
        return await self._find(
            "ticket",
            lambda book: TicketKind(ticket_note.find_row(book, principal, ticket_id).kind),
        )

    async def no_conflict(self, principal: Principal, case: Cancellation, at: datetime) -> None:
        """Forbidden, if the caller acted for the requester at any time since the request."""

        def acting() -> bool:
            with self._database.reading() as book:
                people = acting_for(book, case.requester_id, case.received_at, at)
            return principal.user_id in people

        if await run_in_threadpool(acting):
            refusal = acts_for_requester()
            raise Forbidden(refusal.code, refusal.sentence)

    async def _find(self, noun: str, read: Callable[[Connection], Found | None]) -> Found:
        def reading() -> Found | None:
            with self._database.reading() as book:
                return read(book)

        found = await run_in_threadpool(reading)
        if found is None:
            raise NotFound(noun)
        return found

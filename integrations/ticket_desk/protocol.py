"""The seam for ticket desks: somewhere to open tickets, ask for approvals, and hear what people did there."""

from datetime import datetime
from typing import Protocol

from models.errors import KeydeskError
from models.outside_ticket import (
    OutsideChange,
    OutsideChanges,
    OutsideDraft,
    OutsideMessage,
    OutsideOutcome,
    OutsideReference,
)


class TicketDeskError(KeydeskError):
    """The desk did not do it; the sentence holds no address and no text of a ticket."""


class DeskRefused(TicketDeskError):
    """The desk answered and said no: a queue, a field or a right is missing, and an admin has to see to it."""

    def __init__(self, message: str) -> None:
        super().__init__("ticket_desk_refused", message)


class DeskAway(TicketDeskError):
    """No answer, or none that says what became of the request; it may have been done."""

    permanent = False

    def __init__(self, message: str) -> None:
        super().__init__("ticket_desk_away", message)


class TicketDesk(Protocol):
    """A desk. Everything told twice is one thing there: it is looked up under its key before it is done.

    Every method raises DeskRefused or DeskAway.
    """

    @property
    def name(self) -> str:
        """What the book calls this desk."""
        ...

    async def open_ticket(self, draft: OutsideDraft) -> OutsideReference:
        """Open the ticket of a case."""
        ...

    async def ask(self, ticket: str, draft: OutsideDraft) -> OutsideReference:
        """Ask for an approval, without which the ticket cannot be resolved; a closed ticket is opened again."""
        ...

    async def append(self, ticket: str, message: OutsideMessage) -> None:
        """Add words to a ticket, open or closed; it stays as it is."""
        ...

    async def settle(self, approval: str, outcome: OutsideOutcome) -> None:
        """Close an approval that the house needs no more; one that a person closed stays as they left it."""
        ...

    async def close(self, ticket: str, outcome: OutsideOutcome) -> None:
        """Close a ticket."""
        ...

    async def changes(self, since: int, at: datetime) -> OutsideChanges:
        """What people did on tickets and approvals after that position, oldest first, still without their words.

        `at` is now.
        """
        ...

    async def read(self, change: OutsideChange) -> OutsideChange:
        """The same act with its words, and its author as the desk knows them."""
        ...

"""Worklists: which tickets somebody at the desk wants to see."""

from datetime import timedelta
from enum import StrEnum

from models.base import Value
from models.text import Line
from models.ticket import TicketKind

DUE_SOON = timedelta(hours=2)
"""How near the end of the response clock a ticket is on the list of those that are due."""


class Worklist(StrEnum):
    """Open tickets that are mine, nobody's, unanswered and due soon or late, or escalated; and those that are done."""

    MINE = "mine"
    UNASSIGNED = "unassigned"
    DUE_SOON = "due_soon"
    ESCALATED = "escalated"
    DONE = "done"


class TicketQuery(Value):
    """What narrows a list; everything together, nothing means all."""

    kind: TicketKind | None = None
    worklist: Worklist | None = None
    search: Line | None = None

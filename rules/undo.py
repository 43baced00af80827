"""Undoing: who may take an approval back, and until when."""

from collections.abc import Set
from datetime import datetime
from enum import StrEnum

from models.base import Value


class UndoRefusalCode(StrEnum):
    """Why an undo is refused; the value is the problem code at the door."""

    NOT_YOUR_APPROVAL = "not_your_approval"
    UNDO_CLOSED = "undo_closed"


class UndoRefusal(Value):
    """An undo that may not be done: a stable code and a sentence for people."""

    code: UndoRefusalCode
    sentence: str


def may_undo(
    actor_id: str, approved_by: Set[str], undo_until: datetime | None, at: datetime
) -> UndoRefusal | None:
    """The first rule that forbids it, in the order person, time; None if it may be done.

    `approved_by` are all who agreed; the last instant, `undo_until`, is included, and None means that there is none.
    """
    if actor_id not in approved_by:
        return UndoRefusal(
            code=UndoRefusalCode.NOT_YOUR_APPROVAL,
            sentence="Only somebody who approved this case may take the approval back.",
        )
    if undo_until is None or at > undo_until:
        return UndoRefusal(
            code=UndoRefusalCode.UNDO_CLOSED,
            sentence="The time to take the approval back is over; the case goes on.",
        )
    return None

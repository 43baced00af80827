"""Undoing: an approval taken back before anything irreversible was done."""

from pydantic import AwareDatetime

from models.base import Message, Value


class Undo(Value):
    """That an approval was taken back: the approval stays on record, the case waits for a decision again."""

    id: str
    undone_by: str
    undone_at: AwareDatetime


class UndoAttempt(Message):
    """What an `undo` update carries."""

    id: str
    cancellation_id: str
    decision_id: str
    actor_id: str


class UndoRecord(Message):
    """What `record_undo` answers: taken back, or refused with the code of the rule."""

    recorded: bool
    refusal_code: str | None = None
    refusal: str | None = None

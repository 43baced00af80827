"""The effect of an undo: the approval stands no longer, the case waits for a decision again."""

from temporalio import activity

from models.step import UndoStep
from models.undo import UndoRecord
from storage import undo
from storage.engine import Database


class UndoActivities:
    """Whose approval it was is read again in the transaction that takes it back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    def record_undo(self, step: UndoStep) -> UndoRecord:
        """Take the approval back, or say which rule forbids it."""
        return undo.record_undo(self._database, step, step.attempt)

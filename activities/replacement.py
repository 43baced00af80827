"""Effects on replacements: suspend the leaked key, remind, settle, issue the new one."""

from temporalio import activity

from models.replacement import Issue, ReminderStep, ReplacementStep, Settled
from models.step import Done, Step
from storage import replacement, replacement_decision
from storage.engine import Database
from storage.pool import Binder


class ReplacementActivities:
    """Keys are moved by id; the new one is bound to its holder inside the book's own transaction."""

    def __init__(self, database: Database, binder: Binder, low_stock: int = 0) -> None:
        self._database = database
        self._binder = binder
        self._low_stock = low_stock

    @activity.defn
    def suspend_leaked_key(self, step: Step) -> Done:
        """Stop the key while people decide."""
        return replacement.suspend_leaked_key(self._database, step)

    @activity.defn
    def remind_replacement(self, step: ReminderStep) -> Done:
        """Tell the approvers once more, at last the operators too."""
        return replacement.remind_replacement(self._database, step)

    @activity.defn
    def settle_replacement(self, step: ReplacementStep) -> Settled:
        """Settle the request with this attempt, or say which rule forbids it."""
        return replacement_decision.settle_replacement(self._database, step, step.attempt)

    @activity.defn
    def issue_key(self, step: Step) -> Issue:
        """Revoke the old key and give its unit a new one."""
        return replacement.issue_key(self._database, step, self._binder, self._low_stock)

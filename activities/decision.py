"""The effect of a decision: one verdict per case."""

from temporalio import activity

from models.decision import DecisionRecord
from models.step import DecisionStep
from storage import decision
from storage.engine import Database


class DecisionActivities:
    """Authority is read again in the transaction that commits the verdict."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    def record_decision(self, step: DecisionStep) -> DecisionRecord:
        """Settle the case with this attempt, or say which rule forbids it."""
        return decision.record_decision(self._database, step, step.attempt, step.round_number)

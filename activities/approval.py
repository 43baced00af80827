"""The effect of one of several approvals: the person is noted, the others are asked."""

from temporalio import activity

from models.approval import ApprovalRecord
from models.step import DecisionStep
from storage import approval
from storage.engine import Database


class ApprovalActivities:
    """Authority is read again in the transaction that notes the approval."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    def record_approval(self, step: DecisionStep) -> ApprovalRecord:
        """Note that one more person agrees, or say which rule forbids it."""
        return approval.record_approval(self._database, step, step.attempt, step.round_number)

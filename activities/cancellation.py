"""Effects on cancellations: validate the window, compensate."""

from temporalio import activity

from models.cancellation import Assessment, Compensation
from models.step import ActedStep, Step
from storage import cancellation
from storage.engine import Database


class CancellationActivities:
    """The rule decides inside the activity, so its verdict stands in history and may change later."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    def validate_window(self, step: Step) -> Assessment:
        """Judge the request by the instant it was received."""
        return cancellation.validate_window(self._database, step)

    @activity.defn
    def compensate_cancellation(self, step: ActedStep) -> Compensation:
        """End an approved case before its credit, by an operator's word."""
        return cancellation.compensate_cancellation(self._database, step, step.actor_id)

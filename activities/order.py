"""Effects on orders: validate, charge, deliver, remind, reverse, close."""

from temporalio import activity

from models.order import Settlement, Validation
from models.step import ActedStep, Done, Step
from storage import ledger, order
from storage.engine import Database


class OrderActivities:
    """One method, one effect, one transaction; each may run twice and has one effect."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    def validate_order(self, step: Step) -> Validation:
        """Accept the order, and learn when its windows close."""
        return order.validate_order(self._database, step)

    @activity.defn
    def charge_order(self, step: Step) -> Done:
        """Charge the partner's account."""
        return ledger.charge_order(self._database, step)

    @activity.defn
    def open_downloads(self, step: Step) -> Done:
        """Let the buyers get keys and downloads."""
        return order.open_downloads(self._database, step)

    @activity.defn
    def remind_window(self, step: Step) -> Done:
        """Tell the buyer that the window closes soon."""
        return order.remind_window(self._database, step)

    @activity.defn
    def reverse_charge(self, step: ActedStep) -> Done:
        """Undo the charge."""
        return ledger.reverse_charge(self._database, step)

    @activity.defn
    def finalise_order(self, step: Step) -> Settlement:
        """Close the order for good, unless a cancellation is still open."""
        return order.finalise_order(self._database, step)

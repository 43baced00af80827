"""The effect that gives money back."""

from temporalio import activity

from models.credit import CreditReceipt
from models.step import Step
from storage import credit
from storage.engine import Database


class CreditActivities:
    """A credit is booked once per case and per line; the database holds that."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    def book_credit(self, step: Step) -> CreditReceipt:
        """Post the approved amount back to the partner's account."""
        return credit.book_credit(self._database, step)

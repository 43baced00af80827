"""Effects on tickets: create, remind, escalate, ask, answer, flag, close."""

from temporalio import activity

from models.step import AttentionStep, Done, NoteStep, NumberedStep, Step, StockStep
from models.ticket import TicketReceipt
from storage import ticket
from storage.engine import Database


class TicketActivities:
    """The built-in desk: tickets are rows of our own book."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    def create_ticket(self, step: Step) -> TicketReceipt:
        """Open the cancellation's ticket."""
        return ticket.create_ticket(self._database, step)

    @activity.defn
    def remind_approvers(self, step: NumberedStep) -> Done:
        """Remind everybody who may decide."""
        return ticket.remind_approvers(self._database, step)

    @activity.defn
    def escalate_ticket(self, step: Step) -> Done:
        """Tell the operators too."""
        return ticket.escalate_ticket(self._database, step)

    @activity.defn
    def ask_requester(self, step: NoteStep) -> Done:
        """Put a question to the requester."""
        return ticket.ask_requester(self._database, step, step.note)

    @activity.defn
    def take_answer(self, step: NoteStep) -> Done:
        """Take the requester's answer."""
        return ticket.take_answer(self._database, step, step.note)

    @activity.defn
    def flag_attention(self, step: AttentionStep) -> Done:
        """Show that a step keeps failing."""
        return ticket.flag_attention(self._database, step, step.problem)

    @activity.defn
    def close_ticket(self, step: Step) -> Done:
        """Complete the case."""
        return ticket.close_ticket(self._database, step)

    @activity.defn
    def open_stock_incident(self, step: StockStep) -> Done:
        """Report an order that waits for keys."""
        return ticket.open_stock_incident(self._database, step, step.missing_skus)

"""What an activity is asked to do: on which case, and at which instant."""

from pydantic import AwareDatetime

from models.base import Message
from models.decision import DecisionAttempt
from models.ticket import NoteRef
from models.undo import UndoAttempt


class Step(Message):
    """One effect on one case; `at` is the workflow's time, never the worker's.

    `order_id` is the stream that it stands in, whose effects happen one after the other: an inquiry, which
    may be about no order, is a stream of its own under the ticket's id.
    """

    subject_id: str
    order_id: str
    at: AwareDatetime


class NumberedStep(Step):
    """An effect that happens several times in one case: the n-th reminder, the n-th question."""

    number: int


class Done(Message):
    """The answer of an effect that has nothing to say."""

    done: bool = True


class ActedStep(Step):
    """An effect that a named person asked for."""

    actor_id: str


class DecisionStep(Step):
    """Settling a case with one attempt; the round grows each time an approval was taken back."""

    attempt: DecisionAttempt
    round_number: int = 1


class UndoStep(Step):
    """Taking an approval back."""

    attempt: UndoAttempt


class NoteStep(Step):
    """A question or an answer whose text is stored as a note."""

    note: NoteRef


class StockStep(Step):
    """An order that waits for keys of these SKUs."""

    missing_skus: tuple[str, ...]


class AttentionStep(NumberedStep):
    """The n-th word on whether a case needs a person: why, or None when it no longer does."""

    problem: str | None

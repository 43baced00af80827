"""Outside tickets: a case as it stands at a ticket desk that is not ours, and what travels between the two."""

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from models.base import Message, Value
from models.ticket import Audience


class OutsideDraft(Value):
    """What to open, a ticket or an approval; under its `key` it is found again after a lost answer."""

    key: str
    title: str
    body: str


class OutsideReference(Value):
    """What was opened: its number at the desk, and where a person sees it."""

    number: str
    link: str


class OutsideMessage(Value):
    """Words for an outside ticket, told once under their `key`."""

    key: str
    audience: Audience
    text: str


class OutsideOutcome(StrEnum):
    """How a case ended, as far as a desk can say it."""

    GRANTED = "granted"
    REFUSED = "refused"


class ChangeKind(StrEnum):
    """What a person did at the outside desk."""

    NOTE = "note"
    DECISION = "decision"


class OutsideAuthor(Value):
    """Who did it, as the desk knows them."""

    name: str
    email: str | None = None


class OutsideChange(Value):
    """One act of a person at the desk; `number` orders all acts there, `on` is the ticket or approval it is about."""

    number: int
    on: str
    kind: ChangeKind
    author: OutsideAuthor
    happened_at: AwareDatetime
    audience: Audience | None = None
    verdict: Literal["approved", "declined"] | None = None
    text: str | None = None


class OutsideChanges(Value):
    """What came after a cursor, oldest first; `settled_to` is how far nothing older can still appear."""

    items: tuple[OutsideChange, ...]
    settled_to: int


class Telling(Value):
    """One entry of a case's timeline that the desk is to hear; `message` is None where the desk knows it already."""

    effect_id: int
    message: OutsideMessage | None


class Answer(Value):
    """What to say about an act at the desk that the house did not take."""

    change_number: int
    message: OutsideMessage


class OutsideWork(Value):
    """All that an outside ticket lacks, as read when it was claimed."""

    ticket_id: str
    number: str | None
    draft: OutsideDraft
    tellings: tuple[Telling, ...]
    answers: tuple[Answer, ...]
    question: OutsideDraft | None = Field(description="The approval to open now.")
    spent_approval: str | None = Field(description="The approval that nobody needs any more.")
    settlement: OutsideOutcome = Field(description="How it is closed.")
    outcome: OutsideOutcome | None = Field(description="How the case ended; None while it is open.")


class DeskPerson(Value):
    """Whom of the house a person at an outside desk is."""

    desk: str
    name: str
    user_id: str


class DeskReport(Message):
    """What a round did: tickets brought into step, put off to a later try, acts of people taken."""

    told: int = 0
    postponed: int = 0
    taken: int = 0
    configured: bool = True

    def __add__(self, other: "DeskReport") -> "DeskReport":
        return DeskReport(
            told=self.told + other.told,
            postponed=self.postponed + other.postponed,
            taken=self.taken + other.taken,
            configured=other.configured,
        )

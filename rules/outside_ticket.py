"""Outside tickets: what a desk is told, in which words, and when it is tried again."""

from datetime import datetime, timedelta

from models.cancellation import CREDITED, OVER, CancellationStatus
from models.outside_ticket import ChangeKind, OutsideOutcome
from models.product_key import KEY_IN_TEXT

_FIRST_DELAY = timedelta(seconds=5)
_LONGEST_DELAY = timedelta(minutes=1)
_REFUSED_DELAY = timedelta(minutes=10)


def next_try(attempts: int, now: datetime, *, refused: bool) -> datetime:
    """When to tell a desk again; never given up: one that is away comes back, one that refuses is mended."""
    if refused:
        return now + _REFUSED_DELAY
    doublings = min(max(attempts, 1) - 1, 10)
    return now + min(_FIRST_DELAY * (1 << doublings), _LONGEST_DELAY)


def outside_words(text: str) -> str:
    """The text as it may leave the house: a product key that somebody quoted stays here."""
    return KEY_IN_TEXT.sub("[product key]", text)


def outcome_of(status: CancellationStatus) -> OutsideOutcome | None:
    """What a desk is told about a case's end; None while it is open."""
    if status not in OVER:
        return None
    granted = status is CancellationStatus.COMPLETED
    return OutsideOutcome.GRANTED if granted else OutsideOutcome.REFUSED


def settlement_of(status: CancellationStatus) -> OutsideOutcome:
    """How an approval is closed that was not decided where it was asked for: as the case was."""
    granted = status in CREDITED or status is CancellationStatus.APPROVED
    return OutsideOutcome.GRANTED if granted else OutsideOutcome.REFUSED


def refusal_words(kind: ChangeKind, reason: str) -> str:
    """What the desk is told about an act that the house did not take."""
    return f"Keydesk did not take this {kind}: {reason}"

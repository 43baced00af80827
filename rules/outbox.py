"""Outbox: when an undelivered mail is tried again, and when we stop trying."""

from datetime import datetime, timedelta

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
FEWEST_ATTEMPTS = 10


def next_attempt(queued_at: datetime, attempts: int, now: datetime) -> datetime | None:
    """When to try again after so many attempts, each wait twice the last; None when it is time to give up.

    Age alone does not end it: after days of our own standstill a mail still gets its tries.
    """
    if now - queued_at > GIVE_UP_AFTER and attempts >= FEWEST_ATTEMPTS:
        return None
    doublings = min(max(attempts, 1) - 1, 20)
    return now + min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)

"""Presence: who has a ticket open just now."""

from datetime import timedelta

from pydantic import AwareDatetime

from models.base import Value


class Viewer(Value):
    """Somebody who looks at a ticket: since when, and when they last gave a sign of it."""

    user_id: str
    name: str
    since: AwareDatetime
    seen_at: AwareDatetime


PRESENT_FOR = timedelta(seconds=60)
"""How long a sign of presence counts; whoever keeps a ticket open gives another one before it is over."""

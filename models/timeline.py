"""The timeline: what happened to an order or a case, one sentence per effect."""

from pydantic import AwareDatetime

from models.base import Value


class TimelineEntry(Value):
    """One effect that happened; `number` grows, with holes, over everything that happens anywhere."""

    number: int
    happened_at: AwareDatetime
    actor_id: str
    sentence: str
    cancellation_id: str | None = None

"""The inbox's values: one received event on its way to the desk."""

from typing import Any

from pydantic import AwareDatetime

from models.base import Value


class InboxItem(Value):
    """One event claimed for delivery."""

    source: str
    event_id: str
    type: str
    data: dict[str, Any]
    received_at: AwareDatetime
    resource_id: str
    attempts: int

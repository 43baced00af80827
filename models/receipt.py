"""Receipts: what the door notes about a request before anything is done with it."""

from pydantic import AwareDatetime

from models.base import Value


class Receipt(Value):
    """The id the request's effect will have, the instant it was durably received, and whether it is new."""

    resource_id: str
    received_at: AwareDatetime
    first: bool = True

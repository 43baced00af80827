"""The seam for webhooks: something that posts a body to an address and tells what came back."""

from collections.abc import Mapping
from typing import Protocol

from models.base import Value
from models.errors import KeydeskError


class Answer(Value):
    """What an endpoint answered, and the beginning of what it said."""

    status_code: int
    head: bytes


class SendingFailed(KeydeskError):
    """Nothing was answered; the sentence holds neither the URL nor what was sent."""

    permanent = False

    def __init__(self, message: str) -> None:
        super().__init__("webhook_unanswered", message)


class Sender(Protocol):
    """Posts once: follows no redirect, keeps no cookie, and takes seconds at most."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer, whatever its status; raises SendingFailed when there is none."""
        ...

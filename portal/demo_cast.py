"""Who plays the demo's story, what the house does in it, and how both are waited for and told."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from models.money import Money
from portal.api_client import ApiFailed

_WAIT_S = 60.0
_POLL_S = 0.2

Say = Callable[[str], None]


class Cast(NamedTuple):
    """Who plays: the bearer token of each person, and the portal that signs its events."""

    agent: SecretStr
    buyer_and_approver: SecretStr
    approver: SecretStr
    agent_id: str
    event_source: str
    event_secret: SecretStr


class House(NamedTuple):
    """What no partner can do through the API, and where the house's papers are put.

    `close_month` closes the running month; `receive_long_ago` puts an order of a customer into the book as if
    its request had come 75 days ago, and answers its id.
    """

    close_month: Callable[[], None]
    receive_long_ago: Callable[[str], str]
    papers: Path


def wait_for(look: Callable[[], Any], what: str) -> Any:
    """What `look` finds once it finds something; ApiFailed after a minute."""
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until:
        if (found := look()) is not None:
            return found
        time.sleep(_POLL_S)
    raise ApiFailed(f"Waited {_WAIT_S:.0f} s for {what}.")


def in_words(amount: dict[str, Any]) -> str:
    """An amount of the API as people read it."""
    return str(Money.model_validate(amount))

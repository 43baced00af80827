"""Data of incoming events: they obey the same rules as the API's bodies."""

from typing import Any

import pytest
from pydantic import ValidationError

from models.event import TicketDecided

AMOUNT = {"amount_minor": 5, "currency": "EUR"}
DECIDED: dict[str, Any] = {"ticket_id": "tkt_1", "decided_by": "usr_bob_approver"}


def test_an_approval_may_name_an_amount() -> None:
    decided = TicketDecided.model_validate(DECIDED | {"verdict": "approved", "amount": AMOUNT})
    assert decided.amount is not None


def test_a_decline_names_none() -> None:
    assert TicketDecided.model_validate(DECIDED | {"verdict": "declined"}).amount is None
    with pytest.raises(ValidationError, match="approval only"):
        TicketDecided.model_validate(DECIDED | {"verdict": "declined", "amount": AMOUNT})

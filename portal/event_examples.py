"""One example for each type of event, in and out, as asyncapi.json shows them."""

from datetime import UTC, datetime
from typing import Any

from models.decision import Verdict
from models.event import EventType
from models.money import Money
from models.order import OrderStatus
from models.outgoing import (
    CancellationDecided,
    CancellationOpened,
    CancellationUndone,
    CreditBooked,
    EndpointTested,
    KeyReplaced,
    KeyRevealed,
    KeyRevoked,
    OrderFinal,
    OrderFulfilled,
    OutgoingData,
    OutgoingEvent,
    OutgoingType,
    StatementClosed,
    sequence_text,
)

_AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def _id(prefix: str, number: int = 1) -> str:
    return f"{prefix}_{number:032x}"


_AMOUNT = Money(amount_minor=62450, currency="EUR")

INCOMING: dict[EventType, dict[str, Any]] = {
    EventType.ORDER_PLACED: {
        "customer_id": _id("cus"),
        "currency": "EUR",
        "lines": [{"sku": "DG7GMGF0D5RK:0004", "quantity": 2}],
        "placed_by": "usr_alice_admin",
    },
    EventType.CANCELLATION_REQUESTED: {
        "software_id": _id("sft"),
        "reason": "Bought twice by mistake.",
        "contact": {
            "name": "Alena Nová",
            "email": "alena@partner.example",
            "phone": "+420 601 234 567",
        },
        "requested_by": "usr_alice_admin",
    },
    EventType.CANCELLATION_WITHDRAWN: {
        "cancellation_id": _id("can"),
        "withdrawn_by": "usr_alice_admin",
        "note": "It is needed after all.",
    },
    EventType.TICKET_DECIDED: {
        "ticket_id": _id("tkt"),
        "decided_by": "usr_bob_approver",
        "verdict": "approved",
        "amount": _AMOUNT.model_dump(),
    },
    EventType.TICKET_NOTED: {
        "ticket_id": _id("tkt"),
        "written_by": "usr_alice_admin",
        "text": "The customer asks for an answer this week.",
    },
}

_TOLD: tuple[tuple[OutgoingData, str], ...] = (
    (OrderFulfilled(order_id=_id("ord"), order_number=100001), _id("ord")),
    (
        CancellationOpened(
            cancellation_id=_id("can"),
            order_id=_id("ord"),
            software_id=_id("sft"),
            quantity=1,
            ticket_id=_id("tkt"),
        ),
        _id("ord"),
    ),
    (
        CancellationDecided(
            cancellation_id=_id("can"),
            order_id=_id("ord"),
            quantity=1,
            verdict=Verdict.APPROVED,
        ),
        _id("ord"),
    ),
    (
        CancellationUndone(cancellation_id=_id("can"), order_id=_id("ord"), decision_id=_id("dec")),
        _id("ord"),
    ),
    (
        KeyRevealed(
            order_id=_id("ord"),
            software_id=_id("sft"),
            key_id=_id("key"),
            revealed_by="usr_alice_admin",
        ),
        _id("ord"),
    ),
    (
        KeyRevoked(
            order_id=_id("ord"),
            software_id=_id("sft"),
            key_ids=(_id("key"),),
            quantity=1,
            cancellation_id=_id("can"),
        ),
        _id("ord"),
    ),
    (
        KeyReplaced(
            order_id=_id("ord"),
            software_id=_id("sft"),
            replacement_id=_id("rpl"),
            old_key_id=_id("key"),
            new_key_id=_id("key", 2),
        ),
        _id("ord"),
    ),
    (
        CreditBooked(
            cancellation_id=_id("can"),
            credit_id=_id("crd"),
            order_id=_id("ord"),
            quantity=1,
            amount=_AMOUNT,
        ),
        _id("ord"),
    ),
    (OrderFinal(order_id=_id("ord"), status=OrderStatus.FINAL), _id("ord")),
    (
        StatementClosed(
            statement_id=_id("sta"),
            number="ST-2026-000001",
            opens_at=datetime(2026, 10, 1, tzinfo=UTC),
            closes_at=datetime(2026, 11, 1, tzinfo=UTC),
            total=_AMOUNT,
            credited=Money(amount_minor=0, currency="EUR"),
            due=_AMOUNT,
            credit_note_ids=(),
        ),
        _id("sta"),
    ),
    (EndpointTested(endpoint_id=_id("ept")), _id("ept")),
)

OUTGOING: dict[OutgoingType, OutgoingEvent] = {
    data.type: OutgoingEvent(
        id=_id("evt"),
        type=data.type,
        subject=subject,
        time=_AT,
        sequence=sequence_text(1),
        partnerid=_id("par"),
        customerid=_id("cus") if subject == _id("ord") else None,
        data=data.facts(),
    )
    for data, subject in _TOLD
}

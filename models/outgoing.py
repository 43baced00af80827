"""What we tell the world: one model for the data of each type, and the CloudEvent that carries it."""

from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from models.base import Value
from models.decision import Verdict
from models.money import Money
from models.order import OrderStatus
from models.statement import Statement

SEQUENCE_DIGITS = 10


class OutgoingType(StrEnum):
    """What we tell the world (design.md §8)."""

    ORDER_FULFILLED = "keydesk.order.fulfilled.v1"
    CANCELLATION_REQUESTED = "keydesk.cancellation.requested.v1"
    CANCELLATION_DECIDED = "keydesk.cancellation.decided.v1"
    CANCELLATION_UNDONE = "keydesk.cancellation.undone.v1"
    KEY_REVEALED = "keydesk.key.revealed.v1"
    KEY_REVOKED = "keydesk.key.revoked.v1"
    KEY_REPLACED = "keydesk.key.replaced.v1"
    CREDIT_BOOKED = "keydesk.credit.booked.v1"
    ORDER_FINAL = "keydesk.order.final.v1"
    STATEMENT_CLOSED = "keydesk.statement.closed.v1"
    TEST = "keydesk.test.v1"


class OutgoingData(Value):
    """The data of one event: ids, counts and amounts; never a key, a link, a token or contact data."""

    type: ClassVar[OutgoingType]

    def facts(self) -> dict[str, Any]:
        """As they are kept and sent; what is not known is left out."""
        return self.model_dump(mode="json", exclude_none=True)


class OrderFulfilled(OutgoingData):
    """Keys and downloads are ready."""

    type = OutgoingType.ORDER_FULFILLED

    order_id: str
    order_number: int


class CancellationOpened(OutgoingData):
    """A case has its ticket and waits to be decided."""

    type = OutgoingType.CANCELLATION_REQUESTED

    cancellation_id: str
    order_id: str
    software_id: str
    quantity: int = Field(description="Units that are to go, of a line that may have more.")
    ticket_id: str


class CancellationDecided(OutgoingData):
    """A case has its verdict."""

    type = OutgoingType.CANCELLATION_DECIDED

    cancellation_id: str
    order_id: str
    quantity: int = Field(description="Units that the verdict is about.")
    verdict: Verdict
    reason_code: str | None = Field(default=None, description="Why it was declined.")
    decided_by: str | None = Field(default=None, description="Named when it was for another one.")
    on_behalf_of: str | None = Field(default=None, description="The approver they decided for.")


class CancellationUndone(OutgoingData):
    """An approval was taken back in time; the case waits for a decision again, and another verdict follows."""

    type = OutgoingType.CANCELLATION_UNDONE

    cancellation_id: str
    order_id: str
    decision_id: str


class KeyRevealed(OutgoingData):
    """Somebody was shown a key."""

    type = OutgoingType.KEY_REVEALED

    order_id: str
    software_id: str
    key_id: str
    revealed_by: str = Field(description="The user's id.")


class KeyRevoked(OutgoingData):
    """Keys are dead for good, by a cancellation or by a replacement."""

    type = OutgoingType.KEY_REVOKED

    order_id: str
    software_id: str
    key_ids: tuple[str, ...]
    quantity: int | None = Field(default=None, description="Units that went, by a cancellation.")
    cancellation_id: str | None = None
    replacement_id: str | None = None


class KeyReplaced(OutgoingData):
    """A leaked key was revoked and its unit has another one."""

    type = OutgoingType.KEY_REPLACED

    order_id: str
    software_id: str
    replacement_id: str
    old_key_id: str
    new_key_id: str


class CreditBooked(OutgoingData):
    """The credit is in the ledger."""

    type = OutgoingType.CREDIT_BOOKED

    cancellation_id: str
    credit_id: str
    order_id: str
    quantity: int = Field(description="Units that went, of a line that may have more.")
    amount: Money


class OrderFinal(OutgoingData):
    """The window is past, or no unit of any line is left."""

    type = OutgoingType.ORDER_FINAL

    order_id: str
    status: OrderStatus


class StatementClosed(OutgoingData):
    """A period of an account is closed; its statement and credit notes can be fetched."""

    type = OutgoingType.STATEMENT_CLOSED

    statement_id: str
    number: str
    opens_at: AwareDatetime
    closes_at: AwareDatetime
    total: Money
    credited: Money
    due: Money
    credit_note_ids: tuple[str, ...]

    @classmethod
    def of(cls, statement: Statement) -> "StatementClosed":
        """What is told of a statement: its sums and its papers, not its lines."""
        return cls(
            statement_id=statement.id,
            number=statement.number,
            opens_at=statement.opens_at,
            closes_at=statement.closes_at,
            total=statement.total,
            credited=statement.credited,
            due=statement.due,
            credit_note_ids=tuple(note.id for note in statement.credit_notes),
        )


class EndpointTested(OutgoingData):
    """Somebody asked for a test; sent to that one endpoint, once, and not in the feed."""

    type = OutgoingType.TEST

    endpoint_id: str


OUTGOING_DATA: dict[OutgoingType, type[OutgoingData]] = {
    data.type: data
    for data in (
        OrderFulfilled,
        CancellationOpened,
        CancellationDecided,
        CancellationUndone,
        KeyRevealed,
        KeyRevoked,
        KeyReplaced,
        CreditBooked,
        OrderFinal,
        StatementClosed,
        EndpointTested,
    )
}


class OutgoingEvent(Value):
    """A CloudEvent 1.0, with partner, customer and `sequence` as extension attributes."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: Literal["keydesk"] = "keydesk"
    type: str
    subject: str = Field(description="The order it is about, or the statement.")
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    sequence: str = Field(
        pattern=rf"^[0-9]{{{SEQUENCE_DIGITS}}}$",
        description="Its number among the events of the same subject, from 1 without a hole.",
    )
    partnerid: str | None = Field(default=None, description="Not there in a test of the house.")
    customerid: str | None = Field(
        default=None, description="Not there if it is about no single customer."
    )
    data: dict[str, Any]

    def body(self) -> bytes:
        """The bytes that are sent and fed, always the same for the same event."""
        return self.model_dump_json(exclude_none=True).encode()


def sequence_text(number: int) -> str:
    """A number as the `sequence` extension wants it: text that sorts as the numbers do."""
    return f"{number:0{SEQUENCE_DIGITS}d}"


class Feed(Value):
    """What happened after a cursor, in the feed's order; `next` is where to go on, also when nothing is new."""

    items: tuple[OutgoingEvent, ...]
    next: str

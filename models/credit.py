"""Credits: money given back for a cancelled line."""

from pydantic import AwareDatetime, Field

from models.base import Message, Value
from models.money import Money


class Credit(Value):
    """One booked credit; it appears on the partner's next monthly statement."""

    id: str
    number: int
    cancellation_id: str
    order_id: str
    line_id: str
    partner_id: str
    customer_id: str
    amount: Money
    booked_at: AwareDatetime
    entry_id: str
    credit_note_id: str | None = Field(
        default=None, description="Set once a statement took it back of an earlier one."
    )
    statement_id: str | None = Field(
        default=None, description="The statement that claims it, once the month is closed."
    )


class CreditReceipt(Message):
    """What `book_credit` answers the workflow; `line_cancelled` once no unit of the line is left."""

    credit_id: str
    credit_number: int
    amount_minor: int
    currency: str
    line_cancelled: bool = True

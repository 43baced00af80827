"""Credits: money given back for a cancelled line."""

from pydantic import AwareDatetime

from models.base import Message, Value
from models.money import Money


class Credit(Value):
    """One booked credit; it appears on the partner's next monthly invoice."""

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


class CreditReceipt(Message):
    """What `book_credit` answers the workflow."""

    credit_id: str
    credit_number: int
    amount_minor: int
    currency: str

"""Inquiries: tickets about neither a cancellation nor an incident, as people open them."""

from typing import Literal

from pydantic import Field

from models.base import Value
from models.product_key import KeylessLine, KeylessParagraph
from models.text import Identifier
from models.ticket import Contact, Impact, ProblemType

InquiryType = Literal[
    ProblemType.PRODUCT_KEYS,
    ProblemType.DOWNLOADS,
    ProblemType.ORDERS,
    ProblemType.BILLING,
    ProblemType.ACCESS,
    ProblemType.OTHER,
]
"""What the form offers; purchases and refunds are taken back with POST /cancellations."""


class InquiryDraft(Value):
    """The form for everything else; the more it names, the less is asked back."""

    problem_type: InquiryType
    impact: Impact = Impact.MINIMAL
    title: KeylessLine
    description: KeylessParagraph
    contact: Contact
    order_id: Identifier | None = Field(default=None, description="The order it is about, if any.")
    customer_id: Identifier | None = Field(
        default=None, description="The customer it is about, if any; an order names its own."
    )
    partner_id: Identifier | None = Field(
        default=None,
        description="For house staff, where neither order nor customer says whose it is.",
    )


class Assignment(Value):
    """Whose work a ticket is to be; null gives it back to everybody."""

    assignee_id: Identifier | None

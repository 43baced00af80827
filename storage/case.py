"""One cancellation with everything its steps look at: order, line, product, customer, ticket, decision."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    and_,
    exists,
    func,
    select,
    update,
)

from models.cancellation import CREDITED, CancellationStatus
from models.money import Money
from models.step import Step
from models.tables.cancellation import CancellationRow, CreditRow
from models.tables.catalogue import CustomerRow, ProductRow
from models.tables.column import table
from models.tables.decision import DecisionRow, UndoRow
from models.tables.order import OrderLineRow, OrderRow, SoftwareItemRow
from models.tables.ticket import TicketRow

cancellations = table(CancellationRow)
decisions = table(DecisionRow)
undos = table(UndoRow)
credits_ = table(CreditRow)
tickets = table(TicketRow)
orders = table(OrderRow)
lines = table(OrderLineRow)
software = table(SoftwareItemRow)
customers = table(CustomerRow)
products = table(ProductRow)


def cancelled_quantity() -> ScalarSelect[int]:
    """How many units of a line are credited, for a query that reads the line."""
    credited = cancellations.alias()
    return (
        select(func.coalesce(func.sum(credited.c.quantity), 0))
        .where(credited.c.line_id == lines.c.id, credited.c.status.in_(CREDITED))
        .correlate(lines)
        .scalar_subquery()
    )


def stands() -> ColumnElement[bool]:
    """Whether a decision counts: nobody took it back."""
    return ~exists().where(undos.c.decision_id == decisions.c.id)


CASE = (
    select(
        cancellations,
        orders.c.number.label("order_number"),
        orders.c.placed_at,
        orders.c.status.label("order_status"),
        lines.c.quantity.label("line_quantity"),
        cancelled_quantity().label("cancelled_quantity"),
        lines.c.unit_price_minor,
        lines.c.policy,
        software.c.id.label("software_id"),
        products.c.title.label("product_title"),
        products.c.key_mode,
        products.c.family,
        products.c.term_duration,
        customers.c.name.label("customer_name"),
        customers.c.tenant_id.label("customer_tenant"),
        customers.c.domain.label("customer_domain"),
        tickets.c.id.label("ticket_id"),
        tickets.c.number.label("ticket_number"),
        tickets.c.respond_by,
        decisions.c.id.label("decision_id"),
        decisions.c.verdict,
        decisions.c.decided_by,
        decisions.c.decided_at,
        decisions.c.amount_minor.label("approved_minor"),
        decisions.c.undo_until,
        credits_.c.id.label("credit_id"),
        credits_.c.number.label("credit_number"),
    )
    .join(orders, orders.c.id == cancellations.c.order_id)
    .join(lines, lines.c.id == cancellations.c.line_id)
    .join(software, software.c.line_id == lines.c.id)
    .join(products, products.c.sku == lines.c.sku)
    .join(customers, customers.c.id == cancellations.c.customer_id)
    .outerjoin(tickets, tickets.c.cancellation_id == cancellations.c.id)
    .outerjoin(decisions, and_(decisions.c.cancellation_id == cancellations.c.id, stands()))
    .outerjoin(credits_, credits_.c.cancellation_id == cancellations.c.id)
)


def load_case(connection: Connection, cancellation_id: str) -> Row[Any]:
    """The case behind a step; a missing one is a programming error."""
    return connection.execute(CASE.where(cancellations.c.id == cancellation_id)).one()


def facts(case: Row[Any]) -> dict[str, Any]:
    """What every notice about a case may say; no contact data."""
    requested = Money(amount_minor=case.requested_minor, currency=case.currency)
    part = {"units": case.quantity, "units_of": case.line_quantity}
    return {
        "order_number": case.order_number,
        "customer_name": case.customer_name,
        "cancellation_id": case.id,
        "ticket_id": case.ticket_id,
        "ticket_number": case.ticket_number,
        "product": case.product_title,
        **({} if case.quantity == case.line_quantity else part),
        "requested": requested.model_dump(),
        "impact": case.impact,
        "respond_by": case.respond_by.isoformat() if case.respond_by else None,
    }


def product(case: Row[Any]) -> str:
    """What the case takes back, in words: the product, and how many units if it is not the whole line."""
    title: str = case.product_title
    if case.quantity == case.line_quantity:
        return title
    return f"{title} ({case.quantity} of {case.line_quantity} units)"


def set_status(connection: Connection, step: Step, status: CancellationStatus) -> None:
    """Move the case on; the database refuses an illegal move."""
    connection.execute(
        update(cancellations)
        .where(cancellations.c.id == step.subject_id)
        .values(status=status, status_at=step.at)
    )

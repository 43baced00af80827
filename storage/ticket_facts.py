"""What a mail about a ticket may say: its number, kind and place, and nothing that people typed or their contacts."""

from typing import Any

from sqlalchemy import Connection, select

from storage.case import customers, orders, tickets


def ticket_facts(connection: Connection, ticket_id: str) -> dict[str, Any]:
    """The facts of any ticket; customer and order are None where it concerns none."""
    row = connection.execute(
        select(
            tickets.c.number,
            tickets.c.problem_type,
            tickets.c.impact,
            tickets.c.respond_by,
            customers.c.name.label("customer_name"),
            orders.c.number.label("order_number"),
        )
        .outerjoin(customers, customers.c.id == tickets.c.customer_id)
        .outerjoin(orders, orders.c.id == tickets.c.order_id)
        .where(tickets.c.id == ticket_id)
    ).one()
    return {
        "ticket_id": ticket_id,
        "ticket_number": row.number,
        "about": row.problem_type,
        "impact": row.impact,
        "respond_by": row.respond_by.isoformat(),
        "customer_name": row.customer_name,
        "order_number": row.order_number,
    }

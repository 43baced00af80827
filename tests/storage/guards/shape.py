"""What a guard is, and the statements that several rooms attempt."""

from typing import NamedTuple

CHARGE = "(SELECT id FROM ledger_entries WHERE kind = 'charge' AND order_id = :final_order)"
ELSEWHERE = {"partner_id": ":other_partner ::text", "customer_id": ":other_customer ::text"}


class Guard(NamedTuple):
    """An attempt and the constraint that refuses it."""

    name: str
    sql: str
    constraint: str


def copied(table: str, where: str, **changes: str) -> str:
    """A second row like the first, but for some columns, given as SQL."""
    values = ", ".join(f"'{column}', {value}" for column, value in changes.items())
    return (
        f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(x,"
        f" jsonb_build_object({values}))).* FROM {table} x WHERE {where}"
    )


def credit(case: str, **changes: str) -> str:
    """A credit of the decided amount, with an entry of its own, but for some columns."""
    columns = {
        "id": "'crd_new'",
        "cancellation_id": "k.id",
        "decision_id": "coalesce(d.id, 'dec_none')",
        "verdict": "'approved'",
        "decided_at": "coalesce(d.decided_at, :now)",
        "line_id": "k.line_id",
        "order_id": "k.order_id",
        "partner_id": "k.partner_id",
        "customer_id": "k.customer_id",
        "line_total_minor": "k.line_total_minor",
        "window_closes_at": "k.window_closes_at",
        "amount_minor": "coalesce(d.amount_minor, k.requested_minor)",
        "currency": "k.currency",
        "entry_id": "'ent_new'",
        "booked_at": ":now",
    } | changes
    return (
        "INSERT INTO ledger_entries (id, kind, business_key, partner_id, order_id, currency, booked_at)"
        f" SELECT 'ent_new', 'credit', 'new', partner_id, order_id, currency, :now FROM cancellations"
        f" WHERE id = :{case}; "
        f"INSERT INTO credits ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM cancellations k"
        f" LEFT JOIN decisions d ON d.cancellation_id = k.id WHERE k.id = :{case}"
    )

"""What a contestant left in the book, without ids and instants, so that contestants can be compared."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from benchmarks.sale import Sale
from storage.engine import Database

EndState = dict[str, dict[str, int]]
"""Noun → description of a row → how many rows fit it."""

_QUERIES = {
    "cancellations": "SELECT status AS said FROM cancellations WHERE order_id = ANY(:orders)",
    "tickets": """
        SELECT kind || ', closed: ' || (closed_at IS NOT NULL) AS said
        FROM tickets WHERE order_id = ANY(:orders)""",
    "decisions": """
        SELECT concat_ws(' ', verdict, decided_by, amount_minor, automatic) AS said
        FROM decisions JOIN cancellations ON cancellations.id = cancellation_id
        WHERE order_id = ANY(:orders)""",
    "credits": """
        SELECT amount_minor || ' ' || currency AS said FROM credits WHERE order_id = ANY(:orders)""",
    "keys": "SELECT state AS said FROM product_keys WHERE order_id = ANY(:orders)",
    "software": "SELECT status AS said FROM software_items WHERE order_id = ANY(:orders)",
    "ledger": """
        SELECT concat_ws(' ', entries.kind, accounts.kind, postings.amount_minor) AS said
        FROM ledger_postings postings
        JOIN ledger_entries entries ON entries.id = entry_id
        JOIN ledger_accounts accounts ON accounts.id = account_id
        WHERE order_id = ANY(:orders)""",
    "timeline": "SELECT split_part(key, '/', 2) AS said FROM effects WHERE order_id = ANY(:orders)",
    "audit": "SELECT action || ' by ' || actor_id AS said FROM audit WHERE stream = ANY(:orders)",
    "outbox": """
        SELECT concat_ws(' ', channel, kind, recipient_id) AS said
        FROM outbox WHERE order_id = ANY(:orders)""",
}


def end_state(database: Database, sales: Sequence[Sale]) -> EndState:
    """Everything the process and its door wrote for these sales, counted."""
    orders = [sale.order_id for sale in sales]
    with database.reading() as connection:
        return {noun: _counted(connection, query, orders) for noun, query in _QUERIES.items()}


def _counted(connection: Connection, query: str, orders: list[str]) -> dict[str, int]:
    grouped = f"SELECT said, count(*) FROM ({query}) rows GROUP BY said ORDER BY said"
    found = connection.execute(text(grouped), {"orders": orders})
    return {str(said): int(count) for said, count in found}

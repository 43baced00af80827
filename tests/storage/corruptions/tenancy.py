"""Rows that changed hands."""

from tests.storage.corruptions.shape import CHARGE, Corruption


def _moved(table: str, where: str) -> Corruption:
    """A row that changed hands."""
    return Corruption(
        "I15",
        f"{table} of another partner and customer",
        f"UPDATE {table} SET partner_id = :other_partner, customer_id = :other_customer WHERE {where}",
    )


TENANTS = (
    _moved("order_lines", "id = :final_line"),
    _moved("software_items", "id = :final_software"),
    _moved("product_keys", "line_id = :final_line"),
    _moved("key_reveals", "line_id = :final_line"),
    _moved("download_links", "line_id = :cancelled_line"),
    _moved("downloads", "line_id = :cancelled_line"),
    _moved("cancellations", "id = :waiting_case"),
    _moved("credits", "line_id = :cancelled_line"),
    _moved("tickets", "cancellation_id = :waiting_case"),
    _moved("outbox", "order_id = :final_order"),
    Corruption(
        "I15",
        "an entry of another partner",
        "UPDATE ledger_entries SET partner_id = :other_partner WHERE order_id = :final_order",
    ),
    Corruption(
        "I15",
        "a posting of another partner",
        f"UPDATE ledger_postings SET partner_id = :other_partner WHERE entry_id = {CHARGE}",
    ),
    Corruption(
        "I15",
        "an account of another partner",
        "UPDATE ledger_accounts SET partner_id = :other_partner",
    ),
    Corruption(
        "I15",
        "a line of another order",
        "UPDATE cancellations SET line_id = :final_line WHERE id = :waiting_case",
    ),
    Corruption(
        "I15",
        "a customer moved to another partner",
        "UPDATE customers SET partner_id = :other_partner",
    ),
)

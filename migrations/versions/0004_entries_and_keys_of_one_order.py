"""An entry belongs to its order's partner and currency, a key to its line's product."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_unique_constraint("uq_orders_id_partner_id_currency", "orders", ["id", "partner_id", "currency"])
    op.drop_constraint("fk_ledger_entries_order_id", "ledger_entries", type_="foreignkey")
    op.create_foreign_key(
        "fk_ledger_entries_order_id_partner_id_currency",
        "ledger_entries",
        "orders",
        ["order_id", "partner_id", "currency"],
        ["id", "partner_id", "currency"],
    )
    op.create_unique_constraint("uq_order_lines_id_sku", "order_lines", ["id", "sku"])
    op.create_foreign_key(
        "fk_product_keys_line_id_sku", "product_keys", "order_lines", ["line_id", "sku"], ["id", "sku"]
    )

"""Each seal says in which way its data key is wrapped: what was there is version 1, without the holder (ADR 0016)."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

MAY_CHANGE = """
DROP TRIGGER frozen ON product_keys;
CREATE TRIGGER frozen BEFORE UPDATE ON product_keys FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns(
  'state', 'state_at', 'state_by', 'state_reason', 'line_id', 'order_id', 'partner_id', 'customer_id',
  'unit_number', 'ciphertext', 'wrapped_key', 'ring_key_id', 'seal_version');
"""


def upgrade() -> None:
    op.add_column("product_keys", sa.Column("seal_version", sa.Integer(), nullable=False, server_default="1"))
    op.alter_column("product_keys", "seal_version", server_default=None)
    op.create_check_constraint(op.f("ck_product_keys_seal_version_known"), "product_keys", "seal_version IN (1, 2)")
    op.execute(MAY_CHANGE)

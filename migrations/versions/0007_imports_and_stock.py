"""Which file and row a key came from, so that an import resumes; thresholds and alerts of the stock."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEPT = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON key_imports
  FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON key_imports EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER kept BEFORE DELETE ON stock_alerts FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON stock_alerts EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER frozen BEFORE UPDATE ON stock_alerts FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns('cleared_at');
"""


def upgrade() -> None:
    op.create_table(
        "key_imports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("last_row", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.CheckConstraint("last_row >= 1", name=op.f("ck_key_imports_last_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_imports")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_key_imports_fingerprint")),
    )
    op.add_column("product_keys", sa.Column("import_id", sa.Text(), nullable=True))
    op.add_column("product_keys", sa.Column("import_row", sa.Integer(), nullable=True))
    op.create_foreign_key("fk_product_keys_import_id", "product_keys", "key_imports", ["import_id"], ["id"])
    op.create_unique_constraint("uq_product_keys_import_id_import_row", "product_keys", ["import_id", "import_row"])
    op.create_check_constraint(
        op.f("ck_product_keys_imported_whole"), "product_keys", "num_nonnulls(import_id, import_row) IN (0, 2)"
    )
    op.create_table(
        "stock_thresholds",
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.CheckConstraint("threshold >= 0", name=op.f("ck_stock_thresholds_not_negative")),
        sa.ForeignKeyConstraint(["sku"], ["products.sku"], name=op.f("fk_stock_thresholds_sku")),
        sa.PrimaryKeyConstraint("sku", name=op.f("pk_stock_thresholds")),
    )
    op.create_table(
        "stock_alerts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("available >= 0 AND available < threshold", name=op.f("ck_stock_alerts_below")),
        sa.CheckConstraint("cleared_at >= raised_at", name=op.f("ck_stock_alerts_cleared_later")),
        sa.ForeignKeyConstraint(["sku"], ["products.sku"], name=op.f("fk_stock_alerts_sku")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_alerts")),
    )
    op.create_index(
        "uq_stock_alerts_one_open", "stock_alerts", ["sku"], unique=True, postgresql_where=sa.text("cleared_at IS NULL")
    )
    op.execute(KEPT)

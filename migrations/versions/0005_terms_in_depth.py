"""Policies for some SKUs of a family, and the offered reason that a request names."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ONE_SCOPE = """
CREATE FUNCTION keydesk_one_scope_per_sku() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM policies p WHERE p.family = NEW.family AND p.skus && NEW.skus AND p.skus <> NEW.skus) THEN
    RAISE EXCEPTION 'policy % shares a SKU with policies that list other ones', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'policies_one_scope';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER one_scope BEFORE INSERT ON policies FOR EACH ROW EXECUTE FUNCTION keydesk_one_scope_per_sku();
"""


def upgrade() -> None:
    op.add_column("policies", sa.Column("skus", ARRAY(sa.Text()), nullable=False, server_default="{}"))
    op.drop_constraint("uq_policies_family_version", "policies")
    op.drop_constraint("uq_policies_family_effective_from", "policies")
    op.create_unique_constraint("uq_policies_family_skus_version", "policies", ["family", "skus", "version"])
    op.create_unique_constraint(
        "uq_policies_family_skus_effective_from", "policies", ["family", "skus", "effective_from"]
    )
    op.execute(ONE_SCOPE)
    op.add_column("cancellations", sa.Column("reason_code", sa.Text(), nullable=True))

"""What was revoked waits for its place in the feed, from the very transaction that revokes it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

GUARDS = """
CREATE FUNCTION keydesk_await_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO revocations_waiting (key_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;

CREATE FUNCTION keydesk_revocation_was_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM revocations
    WHERE key_id = OLD.key_id AND epoch = (SELECT max(number) FROM revocation_epochs)
  ) THEN
    RAISE EXCEPTION 'key % is not in the feed yet', OLD.key_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'revocations_waiting_told';
  END IF;
  RETURN OLD;
END $$;

CREATE TRIGGER await_revocation AFTER UPDATE OF state ON product_keys FOR EACH ROW
  WHEN (NEW.state = 'revoked' AND OLD.state <> 'revoked') EXECUTE FUNCTION keydesk_await_revocation();
CREATE TRIGGER told BEFORE DELETE ON revocations_waiting
  FOR EACH ROW EXECUTE FUNCTION keydesk_revocation_was_told();
CREATE TRIGGER frozen BEFORE UPDATE ON revocations_waiting
  FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns('broken_at');
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON revocations_waiting EXECUTE FUNCTION keydesk_refuse_change();
"""

CATCH_UP = """
INSERT INTO revocations_waiting (key_id)
SELECT k.id FROM product_keys k WHERE k.state = 'revoked' AND NOT EXISTS (
  SELECT FROM revocations r
  WHERE r.key_id = k.id AND r.epoch = (SELECT max(number) FROM revocation_epochs)
)
"""


def upgrade() -> None:
    op.create_table(
        "revocations_waiting",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("broken_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["key_id"], ["product_keys.id"], name=op.f("fk_revocations_waiting_key_id")
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_revocations_waiting")),
    )
    op.execute(GUARDS)
    op.execute(CATCH_UP)

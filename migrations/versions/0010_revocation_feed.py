"""The revocation feed: epochs and entries, numbered and chained by the database, of revoked keys only."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

GUARDS = r"""
CREATE FUNCTION keydesk_revocation_chain(previous bytea, digest bytea, revoked_at timestamptz) RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT sha256(previous || digest || convert_to(
    to_char(revoked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'UTF8'))
$$;

CREATE FUNCTION keydesk_revocation_first_chain(epoch integer, epoch_key bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$
  SELECT sha256(convert_to('keydesk-revocations-v1' || chr(10) || epoch || chr(10), 'UTF8') || epoch_key)
$$;

CREATE FUNCTION keydesk_seal_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  newest record;
BEGIN
  IF NOT EXISTS (SELECT FROM product_keys WHERE id = NEW.key_id AND state = 'revoked') THEN
    RAISE EXCEPTION 'key % is not revoked', NEW.key_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'revocations_of_revoked_keys';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('keydesk/revocations', 0));
  SELECT number, chain INTO newest FROM revocations WHERE epoch = NEW.epoch ORDER BY number DESC LIMIT 1;
  NEW.number := coalesce(newest.number, 0) + 1;
  NEW.chain := keydesk_revocation_chain(
    coalesce(newest.chain,
             (SELECT keydesk_revocation_first_chain(number, epoch_key) FROM revocation_epochs WHERE number = NEW.epoch)),
    NEW.digest, NEW.revoked_at);
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_next_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.number <> coalesce((SELECT max(number) FROM revocation_epochs), 0) + 1 THEN
    RAISE EXCEPTION 'epoch % does not follow', NEW.number
      USING ERRCODE = 'check_violation', CONSTRAINT = 'revocation_epochs_in_order';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER seal BEFORE INSERT ON revocations FOR EACH ROW EXECUTE FUNCTION keydesk_seal_revocation();
CREATE TRIGGER in_order BEFORE INSERT ON revocation_epochs FOR EACH ROW EXECUTE FUNCTION keydesk_next_epoch();
"""


def upgrade() -> None:
    op.create_table(
        "revocation_epochs",
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("epoch_key", sa.LargeBinary(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_by", sa.Text(), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_revocation_epochs_number_positive")),
        sa.CheckConstraint("octet_length(epoch_key) = 32", name=op.f("ck_revocation_epochs_key_length")),
        sa.ForeignKeyConstraint(["began_by"], ["users.id"], name=op.f("fk_revocation_epochs_began_by")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_revocation_epochs")),
        sa.UniqueConstraint("epoch_key", name=op.f("uq_revocation_epochs_epoch_key")),
    )
    op.create_table(
        "revocations",
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_revocations_digest_length")),
        sa.CheckConstraint(
            "revoked_at = date_trunc('second', revoked_at)", name=op.f("ck_revocations_whole_seconds")
        ),
        sa.ForeignKeyConstraint(["epoch"], ["revocation_epochs.number"], name=op.f("fk_revocations_epoch")),
        sa.ForeignKeyConstraint(["key_id"], ["product_keys.id"], name=op.f("fk_revocations_key_id")),
        sa.PrimaryKeyConstraint("epoch", "number", name=op.f("pk_revocations")),
        sa.UniqueConstraint("epoch", "key_id", name=op.f("uq_revocations_epoch_key_id")),
        sa.UniqueConstraint("epoch", "digest", name=op.f("uq_revocations_epoch_digest")),
    )
    op.create_index(
        "ix_product_keys_revoked", "product_keys", ["state_at", "id"],
        postgresql_where=sa.text("state = 'revoked'"),
    )
    op.execute(GUARDS)
    for table in ("revocation_epochs", "revocations"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER not_emptied BEFORE TRUNCATE ON {table} EXECUTE FUNCTION keydesk_refuse_change()"
        )

"""Every download is a row of its own, and a bad build can be withdrawn without being forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEPT = {
    "downloads": ("ended_at", "served_bytes"),
    "product_files": ("file_name", "withdrawn_at", "withdrawn_by", "withdrawn_reason"),
}
OWNER = ["link_id", "line_id", "partner_id", "customer_id", "file_id"]

# Uses from before this table are known from the audit trail; how far they came was never written down.
BACKFILL = """
INSERT INTO downloads (id, link_id, line_id, partner_id, customer_id, file_id, use_number, part, started_at,
                       first_byte, stop_byte)
SELECT 'dwl_' || replace(gen_random_uuid()::text, '-', ''), d.id, d.line_id, d.partner_id, d.customer_id,
       d.file_id, (a.details ->> 'use')::integer, 1, a.happened_at, 0, f.size_bytes
FROM audit a JOIN download_links d ON d.id = a.subject_id JOIN product_files f ON f.id = d.file_id
WHERE a.action = 'download.started'
"""

FUNCTIONS = """
CREATE FUNCTION keydesk_download_of_live_link() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  link download_links;
  build product_files;
BEGIN
  SELECT * INTO link FROM download_links WHERE id = NEW.link_id FOR SHARE;
  SELECT * INTO build FROM product_files WHERE id = NEW.file_id FOR SHARE;
  IF link.revoked_at IS NOT NULL OR build.withdrawn_at IS NOT NULL OR NEW.use_number > link.uses
    OR NEW.stop_byte > build.size_bytes
  THEN
    RAISE EXCEPTION 'link % does not give use % of file %', NEW.link_id, NEW.use_number, NEW.file_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'downloads_live_link';
  END IF;
  IF NEW.part = 1 AND NEW.started_at >= link.expires_at THEN
    RAISE EXCEPTION 'link % expired at %', NEW.link_id, link.expires_at
      USING ERRCODE = 'check_violation', CONSTRAINT = 'downloads_expired';
  END IF;
  IF NEW.part > 1 AND NOT EXISTS (
    SELECT FROM downloads d WHERE d.link_id = NEW.link_id AND d.use_number = NEW.use_number AND d.part = 1
      AND NEW.started_at <= d.started_at + interval '6 hours'
  ) THEN
    RAISE EXCEPTION 'use % of link % began too long ago to go on', NEW.use_number, NEW.link_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'downloads_going_on';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_said_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% says this once and for all', TG_TABLE_NAME
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_said_once';
END $$;
"""

TRIGGERS = """
CREATE TRIGGER live_link BEFORE INSERT ON downloads FOR EACH ROW EXECUTE FUNCTION keydesk_download_of_live_link();
CREATE TRIGGER said_once BEFORE UPDATE ON downloads FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL)
  EXECUTE FUNCTION keydesk_said_once();
CREATE TRIGGER said_once BEFORE UPDATE OF withdrawn_at, withdrawn_by, withdrawn_reason ON product_files
  FOR EACH ROW WHEN (OLD.withdrawn_at IS NOT NULL) EXECUTE FUNCTION keydesk_said_once();
"""


def upgrade() -> None:
    _withdrawable_builds()
    _downloads()
    op.execute(BACKFILL)
    op.execute(FUNCTIONS)
    op.execute(TRIGGERS)
    for table, columns in KEPT.items():
        refuse = "EXECUTE FUNCTION keydesk_refuse_change()"
        quoted = ", ".join(f"'{column}'" for column in columns)
        op.execute(f"CREATE TRIGGER kept BEFORE DELETE ON {table} FOR EACH ROW {refuse}")
        op.execute(f"CREATE TRIGGER not_emptied BEFORE TRUNCATE ON {table} {refuse}")
        op.execute(
            f"CREATE TRIGGER frozen BEFORE UPDATE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns({quoted})"
        )


def _withdrawable_builds() -> None:
    op.add_column("product_files", sa.Column("withdrawn_at", sa.DateTime(timezone=True)))
    op.add_column("product_files", sa.Column("withdrawn_by", sa.Text()))
    op.add_column("product_files", sa.Column("withdrawn_reason", sa.Text()))
    op.create_check_constraint(
        op.f("ck_product_files_withdrawn_whole"),
        "product_files",
        "num_nonnulls(withdrawn_at, withdrawn_by, withdrawn_reason) IN (0, 3)",
    )
    op.drop_constraint("uq_product_files_sku_version_language_bitness", "product_files")
    op.create_index(
        "uq_product_files_offered",
        "product_files",
        ["sku", "version", "language", "bitness"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )


def _downloads() -> None:
    op.create_unique_constraint(
        "uq_download_links_id_line_id_partner_id_customer_id_file_id",
        "download_links",
        ["id", "line_id", "partner_id", "customer_id", "file_id"],
    )
    op.create_index("ix_download_links_software", "download_links", ["software_id", "id"])
    op.create_table(
        "downloads",
        sa.Column("id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in OWNER),
        sa.Column("use_number", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_byte", sa.BigInteger(), nullable=False),
        sa.Column("stop_byte", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("served_bytes", sa.BigInteger()),
        sa.CheckConstraint("use_number >= 1 AND part BETWEEN 1 AND 100", name=op.f("ck_downloads_part")),
        sa.CheckConstraint("first_byte >= 0 AND first_byte <= stop_byte", name=op.f("ck_downloads_range")),
        sa.CheckConstraint("(ended_at IS NULL) = (served_bytes IS NULL)", name=op.f("ck_downloads_ended")),
        sa.CheckConstraint(
            "served_bytes BETWEEN 0 AND stop_byte - first_byte", name=op.f("ck_downloads_served")
        ),
        sa.ForeignKeyConstraint(
            OWNER,
            [f"download_links.{'id' if name == 'link_id' else name}" for name in OWNER],
            name=op.f("fk_downloads_link_id_line_id_partner_id_customer_id_file_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_downloads")),
        sa.UniqueConstraint(
            "link_id", "use_number", "part", name=op.f("uq_downloads_link_id_use_number_part")
        ),
    )
    op.create_index("ix_downloads_line", "downloads", ["line_id", "started_at"])

"""Outside tickets: the copy of a case at another desk, its approvals, what people did there, and who they are."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TABLES = ("outside_tickets", "outside_approvals", "outside_changes", "outside_cursors")
MUTABLE = {
    "outside_tickets": "'number', 'link', 'told_effect', 'closed_at', 'attempts', 'next_attempt_at', 'last_error'",
    "outside_approvals": "'closed_at'",
    "outside_changes": "'answered_at'",
    "outside_cursors": "'position'",
}
GUARDS = """
CREATE FUNCTION keydesk_outside_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.told_effect < OLD.told_effect OR (OLD.number IS NOT NULL AND NEW.number IS DISTINCT FROM OLD.number) THEN
    RAISE EXCEPTION 'what the desk heard of ticket % cannot be unsaid', NEW.ticket_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'outside_tickets_go_on';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_cursor_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.position < OLD.position THEN
    RAISE EXCEPTION 'the cursor of % does not go back', NEW.desk
      USING ERRCODE = 'check_violation', CONSTRAINT = 'outside_cursors_go_on';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER goes_on BEFORE UPDATE ON outside_tickets FOR EACH ROW EXECUTE FUNCTION keydesk_outside_goes_on();
CREATE TRIGGER goes_on BEFORE UPDATE ON outside_cursors FOR EACH ROW EXECUTE FUNCTION keydesk_cursor_goes_on();
"""


def upgrade() -> None:
    op.create_table(
        "outside_tickets",
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("desk", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("told_effect", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(number IS NULL) = (link IS NULL)", name=op.f("ck_outside_tickets_opened_whole")
        ),
        sa.CheckConstraint(
            "number IS NOT NULL OR closed_at IS NULL", name=op.f("ck_outside_tickets_closed_after_open")
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_outside_tickets_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_outside_tickets")),
        sa.UniqueConstraint("desk", "number", name=op.f("uq_outside_tickets_desk_number")),
        sa.UniqueConstraint("ticket_id", "desk", name=op.f("uq_outside_tickets_ticket_id_desk")),
    )
    op.create_index("ix_outside_tickets_due", "outside_tickets", ["closed_at", "next_attempt_at"])
    op.create_table(
        "outside_approvals",
        sa.Column("desk", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("position > 0", name=op.f("ck_outside_approvals_position")),
        sa.ForeignKeyConstraint(
            ["ticket_id", "desk"], ["outside_tickets.ticket_id", "outside_tickets.desk"],
            name=op.f("fk_outside_approvals_ticket_id_desk"),
        ),
        sa.PrimaryKeyConstraint("desk", "number", name=op.f("pk_outside_approvals")),
        sa.UniqueConstraint("ticket_id", "position", name=op.f("uq_outside_approvals_ticket_id_position")),
    )
    op.create_index(
        "uq_outside_approvals_one_open", "outside_approvals", ["ticket_id"], unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "outside_changes",
        sa.Column("desk", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["ticket_id", "desk"], ["outside_tickets.ticket_id", "outside_tickets.desk"],
            name=op.f("fk_outside_changes_ticket_id_desk"),
        ),
        sa.ForeignKeyConstraint(
            ["desk", "event_id"], ["inbox.source", "inbox.event_id"],
            name=op.f("fk_outside_changes_desk_event_id"),
        ),
        sa.PrimaryKeyConstraint("desk", "number", name=op.f("pk_outside_changes")),
        sa.UniqueConstraint("desk", "event_id", name=op.f("uq_outside_changes_desk_event_id")),
    )
    op.create_index(
        "ix_outside_changes_unanswered", "outside_changes", ["ticket_id"],
        postgresql_where=sa.text("answered_at IS NULL"),
    )
    op.create_table(
        "outside_cursors",
        sa.Column("desk", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("desk", name=op.f("pk_outside_cursors")),
    )
    op.create_table(
        "desk_people",
        sa.Column("desk", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.CheckConstraint("name = lower(name) AND name <> ''", name=op.f("ck_desk_people_name")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_desk_people_user_id")),
        sa.PrimaryKeyConstraint("desk", "name", name=op.f("pk_desk_people")),
    )
    refuse = "EXECUTE FUNCTION keydesk_refuse_change()"
    for table in TABLES:
        op.execute(f"CREATE TRIGGER kept BEFORE DELETE ON {table} FOR EACH ROW {refuse}")
        op.execute(f"CREATE TRIGGER not_emptied BEFORE TRUNCATE ON {table} {refuse}")
        op.execute(
            f"CREATE TRIGGER frozen BEFORE UPDATE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns({MUTABLE[table]})"
        )
    op.execute(GUARDS)

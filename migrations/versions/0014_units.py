"""The units that a case takes: part of a line may go, one case after the other, and never a unit twice."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OVER = "('ineligible', 'declined', 'withdrawn', 'expired', 'compensated', 'completed')"

# Until now every case took its whole line. The guard that keeps the columns of a case does not know these two yet.
WHOLE_LINES = """
ALTER TABLE cancellations DISABLE TRIGGER frozen;
UPDATE cancellations k SET quantity = l.quantity, units = int4multirange(int4range(1, l.quantity + 1))
FROM order_lines l WHERE l.id = k.line_id;
ALTER TABLE cancellations ENABLE TRIGGER frozen;
"""

# After the row is in, so that a second open case is refused as such, and on a locked line, so that two cases
# that are written at once see each other.
UNITS = """
CREATE FUNCTION keydesk_units_are_left() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  line record;
BEGIN
  SELECT l.quantity, l.unit_price_minor, coalesce((l.policy ->> 'partial_quantity')::boolean, false) AS divisible
  INTO line
  FROM order_lines l WHERE l.id = NEW.line_id FOR NO KEY UPDATE;
  IF NOT NEW.units <@ int4range(1, line.quantity + 1) OR NEW.quantity IS DISTINCT FROM (
    SELECT sum(upper(part) - lower(part)) FROM unnest(NEW.units) part
  ) THEN
    RAISE EXCEPTION 'units % are not % of the % of line %', NEW.units, NEW.quantity, line.quantity, NEW.line_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'cancellations_units_of_line';
  END IF;
  IF NEW.quantity < line.quantity AND NOT (line.divisible AND line.quantity = (
    SELECT count(DISTINCT unit_number) FROM product_keys WHERE line_id = NEW.line_id
  )) THEN
    RAISE EXCEPTION 'line % goes only as a whole', NEW.line_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'cancellations_divisible';
  END IF;
  IF EXISTS (
    SELECT FROM cancellations k
    WHERE k.line_id = NEW.line_id AND k.id <> NEW.id AND k.units && NEW.units
      AND k.status NOT IN ('ineligible', 'declined', 'withdrawn', 'expired', 'compensated')
  ) THEN
    RAISE EXCEPTION 'a unit of % of line % is cancelled already', NEW.units, NEW.line_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'cancellations_unit_once';
  END IF;
  IF NEW.requested_minor > line.unit_price_minor * NEW.quantity THEN
    RAISE EXCEPTION '% asked for % units at %', NEW.requested_minor, NEW.quantity, line.unit_price_minor
      USING ERRCODE = 'check_violation', CONSTRAINT = 'cancellations_within_units';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION keydesk_credits_within_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  charged bigint;
  credited bigint;
BEGIN
  SELECT total_minor INTO charged FROM order_lines WHERE id = NEW.line_id FOR NO KEY UPDATE;
  SELECT coalesce(sum(amount_minor), 0) INTO credited FROM credits WHERE line_id = NEW.line_id;
  IF credited + NEW.amount_minor > charged THEN
    RAISE EXCEPTION '% credited after % of % charged for line %', NEW.amount_minor, credited, charged, NEW.line_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'credits_within_line';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION keydesk_credit_needs_suspended_key() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  taken int4multirange;
BEGIN
  SELECT units INTO taken FROM cancellations WHERE id = NEW.cancellation_id;
  PERFORM FROM product_keys WHERE line_id = NEW.line_id AND unit_number <@ taken FOR SHARE;
  IF EXISTS (
    SELECT FROM product_keys
    WHERE line_id = NEW.line_id AND unit_number <@ taken AND state NOT IN ('suspended', 'revoked')
  ) THEN
    RAISE EXCEPTION 'units % of line % still have a working key', taken, NEW.line_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'credits_key_suspended';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION keydesk_credited_key_stays_down() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state = 'allocated' AND EXISTS (
    SELECT FROM credits c JOIN cancellations k ON k.id = c.cancellation_id
    WHERE c.line_id = NEW.line_id AND k.units @> NEW.unit_number
  ) THEN
    RAISE EXCEPTION 'unit % of line % is credited; its key cannot work again', NEW.unit_number, NEW.line_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'product_keys_credited';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION keydesk_completed_means_done() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM credits WHERE cancellation_id = NEW.id)
    OR EXISTS (
      SELECT FROM product_keys WHERE line_id = NEW.line_id AND unit_number <@ NEW.units AND state <> 'revoked'
    )
    OR NOT EXISTS (SELECT FROM tickets WHERE cancellation_id = NEW.id AND closed_at IS NOT NULL)
  THEN
    RAISE EXCEPTION 'cancellation % is not done: credit, revoked key and closed ticket are needed', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'cancellations_completed';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER units_left AFTER INSERT ON cancellations FOR EACH ROW EXECUTE FUNCTION keydesk_units_are_left();
CREATE TRIGGER within_line BEFORE INSERT ON credits FOR EACH ROW EXECUTE FUNCTION keydesk_credits_within_line();
"""


def upgrade() -> None:
    op.add_column("cancellations", sa.Column("quantity", sa.Integer(), nullable=True))
    op.add_column("cancellations", sa.Column("units", INT4MULTIRANGE(), nullable=True))
    op.execute(WHOLE_LINES)
    op.alter_column("cancellations", "quantity", nullable=False)
    op.alter_column("cancellations", "units", nullable=False)
    op.create_check_constraint(op.f("ck_cancellations_quantity_positive"), "cancellations", "quantity > 0")
    op.drop_index("uq_cancellations_one_open", table_name="cancellations")
    op.create_index(
        "uq_cancellations_one_open",
        "cancellations",
        ["line_id"],
        unique=True,
        postgresql_where=sa.text(f"status NOT IN {OVER}"),
    )
    op.drop_constraint("uq_credits_line_id", "credits")
    op.create_index("ix_credits_line", "credits", ["line_id"])
    op.execute(UNITS)

"""Records stay: no row is rewritten, deleted or emptied away, and the audit chain is sealed by the database."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from models.tables.metadata import METADATA
from storage.engine import constraint_of
from tests.storage.conftest import Scene

APPEND_ONLY = (
    "attachment_reads",
    "audit",
    "credit_notes",
    "credits",
    "decision_attempts",
    "decision_undos",
    "decisions",
    "delivery_attempts",
    "effects",
    "invitation_uses",
    "key_events",
    "key_imports",
    "key_reveals",
    "ledger_entries",
    "ledger_postings",
    "order_lines",
    "policies",
    "renditions",
    "replacement_attempts",
    "statement_entries",
    "statements",
    "ticket_notes",
)
KEPT = (
    "attachments",
    "cancellations",
    "delegations",
    "deliveries",
    "download_links",
    "downloads",
    "endpoint_secrets",
    "endpoints",
    "inbox",
    "ledger_accounts",
    "number_series",
    "orders",
    "outbox",
    "product_files",
    "product_keys",
    "replacements",
    "sessions",
    "software_items",
    "stock_alerts",
    "tickets",
)
MAY_CHANGE = {
    "number_series": {"last"},
    "orders": {"status", "status_at"},
    "software_items": {"status", "status_at"},
    "cancellations": {"status", "status_at", "quote"},
    "tickets": {
        "waiting_for_requester",
        "needs_attention",
        "first_response_at",
        "first_response_by",
        "assignee_id",
        "escalated_at",
        "resolved_at",
        "closes_at",
        "closed_at",
        "words",
    },
    "attachments": {"withdrawn_by", "withdrawn_at"},
    "delegations": {"revoked_by", "revoked_at"},
    "download_links": {"uses", "revoked_at"},
    "downloads": {"ended_at", "served_bytes"},
    "product_files": {"file_name", "withdrawn_at", "withdrawn_by", "withdrawn_reason"},
    "ledger_accounts": {"balance_minor", "version"},
    "stock_alerts": {"cleared_at"},
    "endpoints": {
        "planned_to",
        "status",
        "status_at",
        "status_by",
        "disabled_reason",
        "failures",
        "failing_since",
        "rests_until",
    },
    "endpoint_secrets": {"wrapped_key", "ring_key_id", "seal_version", "expires_at"},
    "deliveries": {
        "status",
        "status_at",
        "attempts",
        "tries",
        "first_tried_at",
        "next_attempt_at",
        "leased_until",
    },
    "replacements": {"status", "status_at", "decided_by", "decided_at", "new_key_id", "note"},
    "sessions": {"seen_at", "ended_at"},
    "product_keys": {
        "state",
        "state_at",
        "state_by",
        "state_reason",
        "line_id",
        "order_id",
        "partner_id",
        "customer_id",
        "unit_number",
        "ciphertext",
        "wrapped_key",
        "ring_key_id",
        "seal_version",
    },
}
FROZEN = [
    (table, column.name)
    for table, free in MAY_CHANGE.items()
    for column in METADATA.tables[table].columns
    if column.name not in free and column.identity is None
]
_ROWS_TO_COME = (
    "INSERT INTO key_imports VALUES ('imp_1', '', 3, :now, 'usr_system')",
    "INSERT INTO stock_alerts SELECT 'alr_1', min(sku), 5, 4, :now FROM products",
    "INSERT INTO inbox (source, event_id, type, body_sha256, data, received_at, resource_id, status,"
    " attempts, next_attempt_at) VALUES ('house-portal', 'e1', 'portal.order.placed.v1', ''::bytea,"
    " '{}', :now, 'ord_e1', 'received', 0, :now)",
    "INSERT INTO renditions SELECT id, 'en', id, NULL, content, sha256, :now FROM statements",
    "INSERT INTO ticket_notes (id, ticket_id, author_id, audience, text, written_at)"
    " SELECT 'not_1', id, 'usr_bob_approver', 'internal', 'A note.', :now FROM tickets LIMIT 1",
)


@pytest.fixture
def connection(scene: Scene) -> Iterator[Connection]:
    """A transaction in which every table has a row, taken back at the end."""
    opened = scene.database.engine.connect()
    for sql in _ROWS_TO_COME:
        opened.execute(text(sql), {"now": scene.now})
    yield opened
    opened.rollback()
    opened.close()


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_a_record_is_not_rewritten(table: str, connection: Connection) -> None:
    column = next(c.name for c in METADATA.tables[table].columns if c.identity is None)

    refused = _refusal(connection, f"UPDATE {table} SET {column} = {column}")

    assert refused == f"{table}_append_only"


@pytest.mark.parametrize("table", [*APPEND_ONLY, *KEPT])
def test_a_record_is_not_deleted(table: str, connection: Connection) -> None:
    assert _refusal(connection, f"DELETE FROM {table}") == f"{table}_append_only"


@pytest.mark.parametrize("table", [*APPEND_ONLY, *KEPT])
def test_a_table_of_records_is_not_emptied(table: str, connection: Connection) -> None:
    refused = _refusal(connection, f"TRUNCATE {table} CASCADE")

    # With CASCADE the first of the tables that hang together speaks.
    assert refused is not None
    assert refused.endswith("_append_only")


@pytest.mark.parametrize(("table", "column"), FROZEN)
def test_a_settled_column_does_not_change(table: str, column: str, connection: Connection) -> None:
    kind = METADATA.tables[table].columns[column].type.python_type
    other = {
        str: "'other'",
        int: f"coalesce({column}, 0) + 1",
        bytes: "'\\x00'::bytea",
        bool: f"NOT {column}",
        dict: "'{}'",
        tuple: "'{[9,10)}'",
        list: "'{other}'",
    }.get(kind, f"{column} + interval '1 day'")

    refused = _refusal(connection, f"UPDATE {table} SET {column} = {other}")

    # A column that ties a key to its line has a guard with a better name.
    assert refused in (f"{table}_frozen", "product_keys_one_line")


def test_the_audit_chain_is_sealed_by_the_database(scene: Scene, connection: Connection) -> None:
    stream = scene.stories["final"].order_id
    before = connection.execute(
        text("SELECT number, hash FROM audit WHERE stream = :s ORDER BY number DESC"), {"s": stream}
    ).first()
    assert before is not None

    written = connection.execute(
        text(
            "INSERT INTO audit (stream, number, happened_at, actor_id, action, subject_id, details,"
            " previous_hash, hash) VALUES (:s, 99, :now, 'usr_system', 'forged', 'x', '{}', 'x', 'x')"
            " RETURNING number, previous_hash, hash, keydesk_audit_hash(audit.*) AS computed"
        ),
        {"s": stream, "now": scene.now},
    ).one()

    assert written.number == before.number + 1
    assert written.previous_hash == before.hash
    assert written.hash == written.computed


def test_every_key_change_writes_its_event(scene: Scene, connection: Connection) -> None:
    line = scene.stories["final"].line_id
    connection.execute(
        text(
            "UPDATE product_keys SET state = 'suspended', state_at = :now, state_by = 'usr_system',"
            " state_reason = 'a test' WHERE line_id = :line"
        ),
        {"now": scene.now, "line": line},
    )

    events = connection.execute(
        text(
            "SELECT e.number, e.state FROM key_events e JOIN product_keys k ON k.id = e.key_id"
            " WHERE k.line_id = :line ORDER BY e.number"
        ),
        {"line": line},
    ).all()

    assert events == [(1, "available"), (2, "allocated"), (3, "suspended")]


def _refusal(connection: Connection, sql: str) -> str | None:
    try:
        with connection.begin_nested():
            assert connection.exec_driver_sql(sql).rowcount != 0, "touches nothing"
    except IntegrityError as error:
        return constraint_of(error)
    return None

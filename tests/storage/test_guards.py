"""What the database itself refuses, whatever the code asks for, and by which constraint."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from storage.engine import constraint_of
from tests.storage.conftest import Scene
from tests.storage.guards.attachment import ATTACHMENTS
from tests.storage.guards.case import CASES
from tests.storage.guards.decision import DECISIONS
from tests.storage.guards.delegation import DELEGATIONS
from tests.storage.guards.delivery import DELIVERIES
from tests.storage.guards.download import DOWNLOADS
from tests.storage.guards.money import MONEY
from tests.storage.guards.notice import NOTICES
from tests.storage.guards.outside_ticket import OUTSIDE_TICKETS
from tests.storage.guards.product_key import KEYS
from tests.storage.guards.replacement import REPLACEMENTS
from tests.storage.guards.session import SESSIONS
from tests.storage.guards.statement import STATEMENTS
from tests.storage.guards.tenancy import TENANTS
from tests.storage.guards.ticket import TICKETS
from tests.storage.guards.undo import UNDOS

GUARDS = {
    f"{room}: {guard.name}": guard
    for room, guards in (
        ("money", MONEY),
        ("decision", DECISIONS),
        ("case", CASES),
        ("key", KEYS),
        ("download", DOWNLOADS),
        ("delivery", DELIVERIES),
        ("replacement", REPLACEMENTS),
        ("another tenant", TENANTS),
        ("statement", STATEMENTS),
        ("notice", NOTICES),
        ("outside ticket", OUTSIDE_TICKETS),
        ("session", SESSIONS),
        ("undo", UNDOS),
        ("delegation", DELEGATIONS),
        ("ticket", TICKETS),
        ("attachment", ATTACHMENTS),
    )
    for guard in guards
}


def attempt(connection: Connection, sql: str, names: dict[str, object]) -> str | None:
    """The constraint that refused, at once or at the end of the transaction; None if nothing did."""
    try:
        with connection.begin_nested():
            for part in sql.split("; "):
                statement = text(part)
                wanted = {name: names[name] for name in statement.compile().params}
                assert connection.execute(statement, wanted).rowcount != 0, (
                    f"touches nothing: {part}"
                )
            connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
    except IntegrityError as error:
        return constraint_of(error)
    return None


@pytest.mark.parametrize("name", GUARDS)
def test_the_database_refuses(name: str, scene: Scene) -> None:
    guard = GUARDS[name]
    with scene.database.engine.connect() as connection:
        refused_by = attempt(connection, guard.sql, scene.names())

        connection.rollback()
    assert refused_by == guard.constraint

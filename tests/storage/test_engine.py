"""The way to PostgreSQL: nobody waits for ever, neither for a statement nor for a server that vanished."""

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from storage.engine import Database


def _limit(connection: Connection) -> str:
    found: str = connection.exec_driver_sql("SHOW statement_timeout").scalar_one()
    return found


def test_a_statement_has_a_limit_unless_the_whole_book_is_read(database: Database) -> None:
    with database.transaction() as connection:
        assert _limit(connection) == "30s"
    with database.reading(whole_book=True) as connection:
        assert _limit(connection) == "0"
    for _ in range(2):
        with database.reading() as connection:
            assert _limit(connection) == "30s", "the exemption ends with its transaction"


def test_a_statement_over_the_limit_is_ended(database: Database) -> None:
    with database.transaction() as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 50")
        with pytest.raises(OperationalError, match="statement timeout"):
            connection.exec_driver_sql("SELECT pg_sleep(5)")
        connection.rollback()


def test_a_server_that_vanished_is_given_up(database: Database) -> None:
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        asked = driver.info.get_parameters()
    assert asked["tcp_user_timeout"] == "10000"
    assert asked["keepalives_idle"] == "10"

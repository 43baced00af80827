"""Cancellations of one line at the same instant: no unit goes twice, and no credit is booked beyond the charge."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from models.errors import KeydeskError
from storage.engine import Database, constraint_of
from storage.policy import add_policies
from tests.factories import PARTS, Story
from tests.fixtures.terms import single_units
from tests.storage.guards.case import part
from tests.storage.guards.shape import credit


@pytest.fixture
def story(database: Database) -> Story:
    with database.transaction() as connection:
        add_policies(connection, [single_units()])
    return Story(database, sku=PARTS, quantity=5).buy()


def test_of_two_parallel_requests_for_one_unit_one_is_taken(story: Story) -> None:
    codes = list[str]()
    together = threading.Barrier(2)

    def ask(units: tuple[int, ...]) -> None:
        other = Story(story.database)
        other.order_id, other.software_id, other.at = story.order_id, story.software_id, story.at
        together.wait()
        try:
            other.receive(units=units)
            codes.append("taken")
        except KeydeskError as error:
            codes.append(error.code)

    _at_once(lambda: ask((1, 2, 3)), lambda: ask((3, 4)))

    assert sorted(codes) == ["cancellation_already_open", "taken"]


@pytest.mark.parametrize(
    ("units", "refused_by"),
    [("{[5,6)}", "cancellations_unit_once"), ("{[4,5)}", None)],
    ids=["the same unit", "another unit"],
)
def test_a_request_beside_the_end_of_a_case_waits_for_it(
    story: Story, units: str, refused_by: str | None
) -> None:
    """The index lets the row in once the other case is over; what that one took must be seen then."""
    story.request(units=(5,)).decide().suspend().credit().revoke()
    second = part("case", units=f"'{units}'", requested_minor="1")
    names = {"case": story.cancellation_id, "now": story.at}
    ending = (
        "UPDATE tickets SET closed_at = :now WHERE cancellation_id = :case;"
        " UPDATE cancellations SET status = 'completed' WHERE id = :case"
    )

    refused = _behind(story.database, ending, second, names)

    assert refused == refused_by


def test_two_credits_at_once_do_not_go_above_the_charge_of_their_line(story: Story) -> None:
    """Two approved cases of a line cannot be, nor amounts above their units: what guards that is off here."""
    story.request(quantity=2).decide().suspend()
    names: dict[str, Any] = {"first": story.cancellation_id}
    _spoil(story.database, "UPDATE cancellations SET status = 'declined'")
    story.again().request(quantity=3).decide().suspend()
    names |= {"second": story.cancellation_id, "now": story.at}
    _spoil(
        story.database,
        "DROP INDEX uq_cancellations_one_open",
        "UPDATE cancellations SET status = 'approved'",
        "UPDATE decisions SET amount_minor = amount_minor + 1",
        "ALTER TABLE ledger_entries DISABLE TRIGGER balanced",
    )
    other = {"id": "'crd_other'", "entry_id": "'ent_other'"}
    second = credit("second", **other).replace("'ent_new'", "'ent_other'").replace("'new'", "'o'")

    refused = _behind(story.database, credit("first"), second, names)

    assert refused == "credits_within_line"


def _spoil(database: Database, *statements: str) -> None:
    with database.transaction() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements:
            connection.exec_driver_sql(statement)


def _behind(database: Database, first: str, second: str, names: dict[str, Any]) -> str | None:
    """The constraint that refuses the second, which had to wait for the first to be committed."""
    refused = list[str | None]()

    def follow() -> None:
        try:
            with database.transaction() as connection:
                _run(connection, second, names)
            refused.append(None)
        except IntegrityError as error:
            refused.append(constraint_of(error))

    follower = threading.Thread(target=follow)
    with database.transaction() as connection:
        _run(connection, first, names)
        follower.start()
        with database.engine.connect() as watcher:
            while not _somebody_waits(watcher):
                assert follower.is_alive(), refused
    follower.join(10)
    return refused[0]


def _somebody_waits(connection: Connection) -> bool:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    found = connection.execute(waiting).scalar_one()
    connection.rollback()
    return bool(found)


def _run(connection: Connection, sql: str, names: dict[str, Any]) -> None:
    for one in sql.split("; "):
        statement = text(one)
        wanted = {name: names[name] for name in statement.compile().params}
        assert connection.execute(statement, wanted).rowcount == 1


def _at_once(*acts: Callable[[], None]) -> None:
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

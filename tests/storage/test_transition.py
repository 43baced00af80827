"""The triggers and rules/transition.py hold the same moves, by list and by deed."""

from collections.abc import Callable
from enum import StrEnum
from itertools import product
from typing import NamedTuple

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from models.cancellation import CancellationStatus
from models.order import OrderStatus
from models.product_key import KeyState
from models.replacement import ReplacementStatus
from models.software import SoftwareStatus
from rules.transition import MOVES
from storage.engine import constraint_of
from tests.storage.conftest import Scene


class Machine(NamedTuple):
    """A table with its states; `row` picks one that no other rule holds fast, `pooled` one in its first state.

    `beside` is what else such a row says in a state.
    """

    table: str
    column: str
    states: type[StrEnum]
    first: StrEnum
    row: str
    pooled: str | None = None
    beside: Callable[[str], str] = lambda state: ""


def _decided(state: str) -> str:
    if state in ("requested", "pending_approval"):
        return ""
    new_key = "'key_new'" if state == "completed" else "NULL"
    return f", decided_by = 'usr_bob_approver', decided_at = status_at, new_key_id = {new_key}"


MACHINES = (
    Machine("orders", "status", OrderStatus, OrderStatus.PLACED, "id = :placed_order"),
    Machine(
        "software_items",
        "status",
        SoftwareStatus,
        SoftwareStatus.PREPARING,
        "id = :final_software",
    ),
    Machine(
        "product_keys",
        "state",
        KeyState,
        KeyState.AVAILABLE,
        "line_id = :final_line",
        "id = (SELECT min(id) FROM product_keys WHERE line_id IS NULL)",
    ),
    Machine(
        "cancellations",
        "status",
        CancellationStatus,
        CancellationStatus.RECEIVED,
        "id = :waiting_case",
    ),
    Machine(
        "replacements",
        "status",
        ReplacementStatus,
        ReplacementStatus.REQUESTED,
        "id = :replacing_replacement",
        beside=_decided,
    ),
)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.table)
def test_the_trigger_lists_the_moves_of_the_rules(machine: Machine, scene: Scene) -> None:
    with scene.database.reading() as connection:
        arguments: bytes = connection.execute(
            text("SELECT tgargs FROM pg_trigger WHERE tgname = 'move' AND tgrelid = :t ::regclass"),
            {"t": machine.table},
        ).scalar_one()
    column, first, *moves = arguments.decode().rstrip("\0").split("\0")

    assert (column, first) == (machine.column, machine.first)
    assert sorted(moves) == sorted(_legal_moves(machine))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.table)
def test_the_database_makes_legal_moves_only(machine: Machine, scene: Scene) -> None:
    with scene.database.engine.connect() as connection:
        passed = {
            f"{old}>{new}"
            for old, new in product(machine.states, repeat=2)
            if old != new and not _refused(connection, machine, old, new, scene.names())
        }
        connection.rollback()

    assert passed == _legal_moves(machine)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.table)
def test_a_row_is_born_in_the_first_state_only(machine: Machine, scene: Scene) -> None:
    refused = set()
    with scene.database.engine.connect() as connection:
        for state in machine.states:
            born = (
                f"INSERT INTO {machine.table} OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record("
                f'x, \'{{"{machine.column}": "{state}"}}\')).* FROM {machine.table} x'
                f" WHERE {machine.row}"
            )
            if _constraint(connection, born, scene.names()) == _name(machine, "first"):
                refused.add(state)
        connection.rollback()

    assert refused == set(machine.states) - {machine.first}


def _legal_moves(machine: Machine) -> set[str]:
    return {f"{old}>{new}" for old, ends in MOVES[machine.states].items() for new in ends}


def _refused(
    connection: Connection, machine: Machine, old: str, new: str, names: dict[str, object]
) -> bool:
    """Whether the move is refused as a move; another rule may still stand in its way."""
    row = machine.pooled if machine.pooled and old == machine.first else machine.row
    beside = machine.beside(old)
    place = f"UPDATE {machine.table} SET {machine.column} = '{old}'{beside} WHERE {row}"
    move = f"UPDATE {machine.table} SET {machine.column} = '{new}' WHERE {row}"
    with connection.begin_nested() as savepoint:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        _run(connection, place, names)
        connection.exec_driver_sql("SET LOCAL session_replication_role = origin")
        constraint = _constraint(connection, move, names)
        savepoint.rollback()
    return constraint == _name(machine, "move")


def _constraint(connection: Connection, sql: str, names: dict[str, object]) -> str | None:
    try:
        with connection.begin_nested():
            _run(connection, sql, names)
    except IntegrityError as error:
        return constraint_of(error)
    return None


def _run(connection: Connection, sql: str, names: dict[str, object]) -> None:
    statement = text(sql)
    wanted = {name: names[name] for name in statement.compile().params}
    assert connection.execute(statement, wanted).rowcount == 1


def _name(machine: Machine, kind: str) -> str:
    return f"{machine.table}_first_{machine.column}" if kind == "first" else f"{machine.table}_move"

"""Closings beside others: a hundred at once, one killed, and an entry that is being booked while its month closes."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Event

from sqlalchemy import text

from models.statement import Account, ClosingStep, Statement
from storage.engine import Database
from storage.statement import close_statement
from tests.factories import PARTNER, Story
from tests.fixtures.closing import ISSUER, broken, close_statements
from tests.fixtures.crowd import gather, reverse

APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (4, 5))
IN_MARCH = datetime(2026, 3, 30, 10, tzinfo=UTC)
ACCOUNT = Account(partner_id=PARTNER, currency="EUR")


def step(until: datetime) -> ClosingStep:
    return ClosingStep(account=ACCOUNT, until=until, at=until)


def test_an_entry_being_booked_while_its_month_closes_is_waited_for(database: Database) -> None:
    """The closing waits for the open transaction, then claims what it wrote."""
    Story(database, placed_at=IN_MARCH, quantity=1).buy()
    slow = Story(database, placed_at=IN_MARCH, quantity=1).place()
    booked, go_on = Event(), Event()

    def hold(point: str) -> None:
        if point == "charge_order:before":
            booked.set()
            assert go_on.wait(10)

    other = Database(database.url, fault=hold)
    slow.database = other
    with ThreadPoolExecutor(2) as pool:
        charging = pool.submit(slow.charge)
        assert booked.wait(10)
        closing = pool.submit(close_statement, database, step(APRIL), ISSUER)
        waiting = _waits_for_a_lock(database)
        go_on.set()
        charging.result(timeout=10)
        statement = closing.result(timeout=10)
    other.close()

    assert waiting
    assert statement is not None
    assert slow.order_id in {line.order_id for line in statement.lines}


def _waits_for_a_lock(database: Database) -> bool:
    for _ in range(200):
        with database.reading() as connection:
            waiting = text(
                "SELECT count(*) FROM pg_stat_activity, pg_sleep(0.02) WHERE wait_event_type = 'Lock'"
                " AND datname = current_database()"
            )
            if connection.execute(waiting).scalar_one():
                return True
    return False


MONEY_RULES = {"I1", "I3", "K20", "K21", "K22", "K23", "K24", "K25", "K26"}
CROWD = 100


def close_all_at_once(url: str, accounts: list[Account], until: datetime) -> list[Statement | None]:
    """A thread and a try for every account, all released at one moment."""
    database = Database(url, pool_size=25)
    gate = Barrier(len(accounts))

    def close(account: Account) -> Statement | None:
        gate.wait(20)
        wanted = ClosingStep(account=account, until=until, at=until)
        return close_statement(database, wanted, ISSUER)

    with ThreadPoolExecutor(len(accounts)) as pool:
        closed = list(pool.map(close, accounts))
    database.close()
    return closed


def numbers(closed: list[Statement | None]) -> list[str]:
    return sorted(statement.number for statement in closed if statement is not None)


def test_a_hundred_closings_at_once_leave_no_gap_and_no_number_twice(database: Database) -> None:
    accounts = gather(database, CROWD, IN_MARCH)

    march = close_all_at_once(database.url, accounts, APRIL)
    reverse(database, CROWD, APRIL + timedelta(days=1))
    april = close_all_at_once(database.url, accounts, MAY)

    assert numbers(march) == [f"ST-2026-{n:06d}" for n in range(1, CROWD + 1)]
    assert numbers(april) == [f"ST-2026-{n:06d}" for n in range(CROWD + 1, 2 * CROWD + 1)]
    notes = sorted(note.number for s in april if s is not None for note in s.credit_notes)
    assert notes == [f"CN-2026-{n:06d}" for n in range(1, CROWD + 1)]
    assert broken(database, MAY) & MONEY_RULES == set()


def test_a_hundred_closings_of_one_account_make_one_statement(database: Database) -> None:
    Story(database, placed_at=IN_MARCH, quantity=1).buy()

    closed = close_all_at_once(database.url, [ACCOUNT] * CROWD, APRIL)

    assert numbers(closed) == ["ST-2026-000001"]
    assert broken(database, APRIL) == set()


_VICTIM = """
import sys
from datetime import datetime
from models.statement import Account, ClosingStep
from storage.engine import Database
from storage.statement import close_statement
from tests.fixtures.closing import ISSUER
from worker import fault_hook
url, partner_id, until = sys.argv[1], sys.argv[2], datetime.fromisoformat(sys.argv[3])
account = Account(partner_id=partner_id, currency="EUR")
database = Database(url, fault=fault_hook("close_statement:before"))
close_statement(database, ClosingStep(account=account, until=until, at=until), ISSUER)
"""


def test_a_closing_killed_before_its_commit_leaves_no_gap(database: Database) -> None:
    Story(database, placed_at=IN_MARCH, quantity=1).buy()
    victim = [sys.executable, "-c", _VICTIM, database.url, PARTNER, APRIL.isoformat()]

    killed = subprocess.run(victim, cwd=Path(__file__).parents[2], timeout=60, check=False)

    assert killed.returncode == -signal.SIGKILL
    (march,) = close_statements(database, APRIL)
    assert march.number == "ST-2026-000001"
    assert broken(database, APRIL) == set()

"""PurchaseWorkflow on a server that skips time, over the real book: keys, dry stock, window, endings, trouble."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from integrations.cipher.ring import RingCipher
from models.cancellation import CancellationStatus
from models.ids import SYSTEM_USER
from models.key_import import KeyLine
from models.ledger import AccountKind, EntryKind
from models.notice import NoticeKind
from models.order import Order, OrderStatus, PurchaseStage
from models.product_key import KeyState
from models.tables.column import table
from models.tables.ledger import AccountRow, EntryRow
from models.tables.record import AuditRow
from models.tables.ticket import TicketRow
from storage.engine import Database
from storage.key_import import add_keys
from tests.factories import OPERATOR, PER_LINE, PER_UNIT
from tests.fixtures.counter import Counter, eventually
from tests.fixtures.trouble import Trouble
from tests.fixtures.worker import house

WINDOW = timedelta(days=60)
HOUR = timedelta(hours=1)
IN_STOCK = 20
TOO_MANY = IN_STOCK + 1


@pytest.fixture
async def counter(
    time_skipping: WorkflowEnvironment, database: Database, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with house(time_skipping.client, database, tmp_path) as inside:
        yield Counter(inside, time_skipping)


@pytest.fixture
def trouble(database: Database) -> Trouble:
    database.fault = Trouble()
    return database.fault


def tickets_of(counter: Counter, order: Order) -> list[tuple[str, datetime | None]]:
    """Kind and closing of every ticket about the order."""
    tickets = table(TicketRow)
    with counter.database.reading() as connection:
        found = connection.execute(select(tickets).where(tickets.c.order_id == order.id))
        return [(row.kind, row.closed_at) for row in found]


def entries_of(counter: Counter, order: Order) -> list[str]:
    """The kinds of the order's ledger entries."""
    entries = table(EntryRow)
    with counter.database.reading() as connection:
        found = select(entries.c.kind).where(entries.c.order_id == order.id)
        return sorted(connection.execute(found).scalars())


def owed(counter: Counter) -> int:
    """What the partners owe us, all together."""
    accounts = table(AccountRow)
    with counter.database.reading() as connection:
        total = func.coalesce(func.sum(accounts.c.balance_minor), 0)
        receivable = accounts.c.kind == AccountKind.RECEIVABLE
        return int(connection.execute(select(total).where(receivable)).scalar_one())


async def failing(trouble: Trouble) -> None:
    """Until the step has failed in the fast lane and in the safe one."""

    async def failed_twice() -> bool:
        return trouble.failures >= 2

    await eventually(failed_twice)


async def stage(counter: Counter, order: Order) -> str:
    return str((await counter.purchase(order).query("status"))["stage"])


async def waiting_for_keys(counter: Counter) -> Order:
    """An order that found the pool too small."""
    order = await counter.place((PER_UNIT, TOO_MANY))

    async def incident() -> bool:
        return len(tickets_of(counter, order)) == 1

    await eventually(incident)
    return order


def import_keys(counter: Counter, cipher: RingCipher, count: int) -> None:
    lines = [
        KeyLine(row=n, sku=PER_UNIT, product_key=SecretStr(f"FRESH-AAAAA-BBBBB-CCCCC-{n:05d}"))
        for n in range(22222, 22222 + count)
    ]
    with counter.database.transaction() as connection:
        at = datetime(2026, 3, 1, tzinfo=UTC)
        add_keys(connection, lines, cipher, at=at, by=SYSTEM_USER, reason="import")


async def test_an_order_is_final_when_its_window_has_closed(counter: Counter) -> None:
    order = await counter.buy(PER_UNIT, 3)
    assert await stage(counter, order) == PurchaseStage.WINDOW_OPEN
    await counter.clock.sleep(WINDOW - timedelta(days=7) - HOUR)
    assert NoticeKind.WINDOW_CLOSING not in counter.notices()
    await counter.clock.sleep(2 * HOUR)
    assert counter.notices().count(NoticeKind.WINDOW_CLOSING) == 1
    assert await stage(counter, order) == PurchaseStage.WINDOW_OPEN

    assert (await counter.ending(order)).status == OrderStatus.FINAL

    assert await counter.now() >= order.placed_at + WINDOW
    assert counter.notices() == [
        NoticeKind.ORDER_FULFILLED,
        NoticeKind.WINDOW_CLOSING,
        NoticeKind.ORDER_FINAL,
    ]
    assert counter.key_states(order) == {KeyState.ALLOCATED}
    assert entries_of(counter, order) == [EntryKind.CHARGE]
    assert await counter.breaches() == []


async def test_an_order_without_keys_waits_and_goes_on_by_itself(
    counter: Counter, cipher: RingCipher
) -> None:
    order = await waiting_for_keys(counter)
    await counter.clock.sleep(5 * HOUR)
    assert await stage(counter, order) == PurchaseStage.WAITING_FOR_STOCK
    assert tickets_of(counter, order) == [("incident", None)], "looked at again, told once"
    assert counter.notices().count(NoticeKind.STOCK_MISSING) == 1
    assert counter.key_states(order) == set(), "half an order takes no keys"

    import_keys(counter, cipher, 1)
    await counter.clock.sleep(HOUR)

    await counter.reaching(order, OrderStatus.FULFILLED)
    state = await counter.purchase(order).query("status")
    assert state["needs_attention"] is None
    [(_, closed_at)] = tickets_of(counter, order)
    assert closed_at is not None
    assert await counter.breaches() == []


async def test_an_order_that_stays_without_keys_is_paid_back(counter: Counter) -> None:
    order = await waiting_for_keys(counter)
    assert owed(counter) == order.total.amount_minor
    began = await counter.now()

    assert (await counter.ending(order)).status == OrderStatus.FAILED

    assert timedelta(days=3) <= await counter.now() - began <= timedelta(days=4)
    assert (await counter.house.desk.find_order(order.id)).status == OrderStatus.FAILED
    assert entries_of(counter, order) == [EntryKind.CHARGE, EntryKind.REVERSAL]
    assert owed(counter) == 0
    assert counter.notices() == [NoticeKind.STOCK_MISSING, NoticeKind.ORDER_FAILED]
    [(_, closed_at)] = tickets_of(counter, order)
    assert closed_at is not None
    assert await counter.breaches() == []


async def test_an_operator_makes_it_look_for_keys_at_once(
    counter: Counter, cipher: RingCipher
) -> None:
    order = await waiting_for_keys(counter)
    import_keys(counter, cipher, 1)
    await counter.repair(counter.purchase(order), "retry")
    await counter.reaching(order, OrderStatus.FULFILLED)


async def test_an_operator_gives_a_waiting_order_up(counter: Counter) -> None:
    order = await waiting_for_keys(counter)
    state = await counter.repair(counter.purchase(order), "compensate")
    assert state["stage"] == PurchaseStage.FAILED
    assert (await counter.ending(order)).status == OrderStatus.FAILED
    assert owed(counter) == 0
    assert await counter.breaches() == []
    audit = table(AuditRow)
    with counter.house.database.reading() as book:
        reversed_by = book.execute(
            select(audit.c.actor_id).where(audit.c.action == "order.charge_reversed")
        ).scalar_one()
    assert reversed_by == OPERATOR


async def test_giving_up_an_order_that_finds_its_keys_after_all_is_answered(
    counter: Counter, cipher: RingCipher
) -> None:
    order = await waiting_for_keys(counter)
    import_keys(counter, cipher, 1)
    async with asyncio.timeout(10):
        state = await counter.repair(counter.purchase(order), "compensate")
    assert state["stage"] != PurchaseStage.FAILED
    await counter.reaching(order, OrderStatus.FULFILLED)


@pytest.mark.parametrize(
    ("verb", "code"), [("retry", "nothing_to_retry"), ("compensate", "not_compensable")]
)
async def test_an_operator_has_nothing_to_repair_in_a_healthy_order(
    counter: Counter, verb: str, code: str
) -> None:
    order = await counter.buy()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await counter.repair(counter.purchase(order), verb)
    assert getattr(refused.value.cause, "type", None) == code


async def test_an_order_is_over_at_once_when_every_line_is_cancelled(counter: Counter) -> None:
    placed = await counter.place((PER_LINE, 2), (PER_UNIT, 1))
    order = await counter.reaching(placed, OrderStatus.FULFILLED)
    first = await counter.waiting(await counter.cancel(order, line=0))
    await counter.approve(first)
    assert (await counter.outcome(first)).status == CancellationStatus.COMPLETED
    assert await stage(counter, order) == PurchaseStage.WINDOW_OPEN

    second = await counter.waiting(await counter.cancel(order, line=1))
    await counter.approve(second)

    assert (await counter.ending(order)).status == OrderStatus.CANCELLED
    assert await counter.now() < order.placed_at + timedelta(days=1)
    assert NoticeKind.ORDER_FINAL not in counter.notices()
    assert entries_of(counter, order) == [EntryKind.CHARGE, EntryKind.CREDIT, EntryKind.CREDIT]
    assert owed(counter) == 0
    assert await counter.breaches() == []


async def test_a_closed_window_waits_for_a_cancellation_filed_in_time(counter: Counter) -> None:
    order = await counter.buy()
    await counter.clock.sleep(WINDOW - HOUR)
    case = await counter.waiting(await counter.cancel(order))
    await counter.clock.sleep(3 * HOUR)
    assert await stage(counter, order) == PurchaseStage.WAITING_FOR_CANCELLATION
    assert (await counter.house.desk.find_order(order.id)).status == OrderStatus.FULFILLED

    await counter.decline(case)

    assert (await counter.ending(order)).status == OrderStatus.FINAL
    assert await counter.now() < order.placed_at + WINDOW + timedelta(days=1)
    assert await counter.breaches() == []


async def test_a_step_that_keeps_failing_is_shown_and_mends_itself(
    counter: Counter, trouble: Trouble
) -> None:
    trouble.steps = {"charge_order"}
    order = await counter.place((PER_LINE, 1))
    await failing(trouble)
    await counter.clock.sleep(timedelta(minutes=4, seconds=30))
    assert (await counter.purchase(order).query("status"))["needs_attention"] is None
    await counter.clock.sleep(timedelta(minutes=1))
    problem = (await counter.purchase(order).query("status"))["needs_attention"]
    assert "Charge the partner's account" in problem

    trouble.steps.clear()
    await counter.clock.sleep(timedelta(minutes=2))

    await counter.reaching(order, OrderStatus.FULFILLED)
    assert (await counter.purchase(order).query("status"))["needs_attention"] is None
    assert entries_of(counter, order) == [EntryKind.CHARGE]
    assert await counter.breaches() == []

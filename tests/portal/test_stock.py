"""The stock at both doors, and orders that go on by themselves when an import has filled the pool."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment
from typer.testing import CliRunner

from models.errors import Invalid
from models.order import OrderStatus
from portal.cli import app
from portal.relay import Relay
from storage.engine import Database
from tests.factories import OPERATOR, PER_UNIT, Story
from tests.fixtures.counter import Counter, eventually
from tests.fixtures.pool import fill_pool
from tests.fixtures.portal import Portal
from tests.fixtures.worker import house

IN_STOCK = 20


def run(*words: str) -> str:
    answer = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert answer.exit_code == 0
    return answer.stdout


@pytest.fixture
def installation(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    return database


async def test_both_doors_say_the_same(portal: Portal, installation: Database) -> None:
    Story(installation, sku=PER_UNIT, quantity=IN_STOCK - 2).buy()

    answer = await portal.get("/api/v1/stock", OPERATOR)

    assert answer.status_code == 200
    items = answer.json()["items"]
    assert items == json.loads(run("stock", "--json"))
    assert [item["sku"] for item in items if item["low"]] == [PER_UNIT]
    told = " ".join(run("stock").split())
    assert "low" in told
    assert "keydesk import-keys" in told


def test_a_threshold_is_set_for_one_sku(installation: Database) -> None:
    del installation
    run("stock-threshold", PER_UNIT, "21")

    levels = {item["sku"]: item for item in json.loads(run("stock", "--json"))}

    assert (levels[PER_UNIT]["threshold"], levels[PER_UNIT]["low"]) == (21, True)
    assert {item["threshold"] for sku, item in levels.items() if sku != PER_UNIT} == {5}
    with pytest.raises(Invalid, match="no product NOPE"):
        CliRunner().invoke(app, ["stock-threshold", "NOPE", "1"], catch_exceptions=False)


def test_a_house_without_products_is_told_the_next_step(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", empty_database.url)

    assert "no products yet" in run("stock")


@pytest.fixture
async def counter(
    time_skipping: WorkflowEnvironment, database: Database, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with house(time_skipping.client, database, tmp_path) as inside:
        yield Counter(inside, time_skipping)


async def test_the_relay_wakes_an_order_whose_keys_have_come(counter: Counter) -> None:
    relay = Relay(counter.house.desk)
    order = await counter.place((PER_UNIT, IN_STOCK + 1))

    async def told() -> bool:
        return "stock_missing" in counter.notices()

    await eventually(told)
    await relay.wake_restocked(datetime.now(UTC))
    fill_pool(counter.database, PER_UNIT, 1)

    await relay.wake_restocked(datetime.now(UTC))

    # The clock of this server stands still meanwhile: nothing but the word of the relay wakes the order.
    await counter.reaching(order, OrderStatus.FULFILLED)


async def test_an_order_that_does_not_go_on_is_not_woken_every_second(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(counter.database, sku=PER_UNIT, quantity=1).place().charge().report_dry_stock()
    woken: list[str] = []

    async def wake(workflow_id: str) -> None:
        woken.append(workflow_id)

    monkeypatch.setattr(counter.house.desk.engine, "wake", wake)
    relay = Relay(counter.house.desk)
    first = datetime.now(UTC)
    for later in (0, 1, 29, 30, 31):
        await relay.wake_restocked(first + timedelta(seconds=later))

    assert woken == [f"purchase:{story.order_id}"] * 2


async def test_an_order_without_a_process_wakes_nobody(counter: Counter) -> None:
    Story(counter.database, sku=PER_UNIT, quantity=1).place().charge().report_dry_stock()

    await Relay(counter.house.desk).wake_restocked(datetime.now(UTC))

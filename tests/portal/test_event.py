"""The event feed: everything that concerns the reader, once, in one order, and nothing skipped."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from models.ids import Prefix, new_id
from models.outgoing import OUTGOING_DATA, OutgoingType
from models.tables.column import table
from models.tables.record import OutboxRow
from storage.engine import Database
from storage.policy import add_policies
from tests.factories import CUSTOMER, OPERATOR, PARTNER, PLACED_AT, UNDOABLE, Story
from tests.fixtures.closing import close_statements
from tests.fixtures.portal import Portal
from tests.fixtures.terms import undoable

INTEGRATOR = "usr_ivan_integrator"


async def test_the_feed_tells_what_happened_to_whom_it_concerns(
    portal: Portal, database: Database
) -> None:
    story = Story(database).buy().cancel().finish()

    feed = (await portal.get("/api/v1/events", INTEGRATOR)).json()

    assert [item["type"] for item in feed["items"]] == [
        OutgoingType.ORDER_FULFILLED,
        OutgoingType.CANCELLATION_REQUESTED,
        OutgoingType.CANCELLATION_DECIDED,
        OutgoingType.CREDIT_BOOKED,
        OutgoingType.KEY_REVOKED,
        OutgoingType.ORDER_FINAL,
    ]
    assert {item["subject"] for item in feed["items"]} == {story.order_id}
    assert {(i["partnerid"], i["customerid"]) for i in feed["items"]} == {(PARTNER, CUSTOMER)}
    assert (await portal.get("/api/v1/events", "usr_petra_admin")).json()["items"] == []
    assert (await portal.get("/api/v1/events", OPERATOR)).status_code == 403


async def test_what_is_told_is_as_its_model_says(portal: Portal, database: Database) -> None:
    with database.transaction() as connection:
        add_policies(connection, [undoable()])
    Story(database).buy().reveal().cancel().finish()
    Story(database).buy().replace()
    Story(database, sku=UNDOABLE).buy().request().decide().undo()
    close_statements(database, PLACED_AT + timedelta(days=1))

    feed = (await portal.get("/api/v1/events", INTEGRATOR)).json()["items"]

    assert {item["type"] for item in feed} == set(OutgoingType) - {OutgoingType.TEST}
    for item in feed:
        data = OUTGOING_DATA[item["type"]].model_validate_json(json.dumps(item["data"]))
        assert data.facts() == item["data"]


async def test_events_are_numbered_by_what_they_are_about(
    portal: Portal, database: Database
) -> None:
    stories = [Story(database).buy() for _ in range(2)]
    await portal.get("/api/v1/events", INTEGRATOR)
    for story in stories:
        story.cancel().finish()
    (closed,) = close_statements(database, PLACED_AT + timedelta(days=1))

    feed = (await portal.get("/api/v1/events", INTEGRATOR)).json()["items"]

    numbers = defaultdict(list)
    for item in feed:
        numbers[item["subject"]].append(item["sequence"])
    counted = [f"{number:010d}" for number in range(1, 7)]
    assert numbers == {story.order_id: counted for story in stories} | {closed.id: counted[:1]}
    assert "customerid" not in feed[-1]
    assert feed[-1]["data"]["credit_note_ids"] == []


async def test_the_feed_goes_on_where_it_was(portal: Portal, database: Database) -> None:
    Story(database).buy().cancel().finish()
    seen, after = [], None
    while True:
        query = {"limit": 2} | ({"after": after} if after else {})
        feed = (await portal.get("/api/v1/events", INTEGRATOR, **query)).json()
        if not feed["items"]:
            break
        seen += [item["id"] for item in feed["items"]]
        after = feed["next"]
    assert feed["next"] == after
    assert len(seen) == len(set(seen)) == 6

    Story(database).buy()
    more = (await portal.get("/api/v1/events", INTEGRATOR, after=after)).json()["items"]
    assert [item["type"] for item in more] == [OutgoingType.ORDER_FULFILLED]


async def test_an_event_that_commits_late_is_not_skipped(
    portal: Portal, database: Database
) -> None:
    read = _reader(portal)
    late = database.engine.connect()
    late.begin()
    _publish(late, "slow")
    with database.transaction() as connection:
        _publish(connection, "quick")

    before = await read()
    late.commit()
    late.close()

    assert (before, await read(), await read()) == (["quick"], ["slow"], [])


async def test_readers_at_once_agree_on_the_order(portal: Portal, database: Database) -> None:
    for _ in range(20):
        with database.transaction() as connection:
            for name in "abc":
                _publish(connection, name)
        feeds = await asyncio.gather(
            *(portal.get("/api/v1/events", INTEGRATOR, limit=200) for _ in range(4))
        )
        orders = [[item["id"] for item in feed.json()["items"]] for feed in feeds]
        assert all(order == orders[0] for order in orders)
    assert len(orders[0]) == 60


def _reader(portal: Portal) -> Callable[[], Awaitable[list[str]]]:
    """Follows the feed like an integrator would, and tells what is new."""
    cursor: dict[str, str] = {}

    async def read() -> list[str]:
        feed = (await portal.get("/api/v1/events", INTEGRATOR, **cursor)).json()
        cursor["after"] = feed["next"]
        return [item["data"]["name"] for item in feed["items"]]

    return read


def _publish(connection: Any, name: str) -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    connection.execute(
        insert(table(OutboxRow)).values(
            id=new_id(Prefix.EVENT),
            dedupe_key=new_id(Prefix.EVENT),
            channel="event",
            kind=OutgoingType.ORDER_FINAL,
            order_id="ord_1",
            partner_id=PARTNER,
            customer_id=CUSTOMER,
            facts={"name": name},
            created_at=at,
            next_attempt_at=at,
        )
    )

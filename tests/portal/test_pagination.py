"""Keyset pages: each item once, and no cursor but our own."""

import pytest

from storage.engine import Database
from tests.factories import CUSTOMER, Story
from tests.fixtures.orders import ORDERS
from tests.fixtures.portal import Portal


async def test_a_page_goes_on_where_the_last_one_ended(portal: Portal, database: Database) -> None:
    stories = [Story(database).place() for _ in range(5)]
    wanted = sorted((story.order_id for story in stories), reverse=True)

    seen: list[str] = []
    path: str | None = f"{ORDERS}?limit=2&customer_id={CUSTOMER}"
    pages = 0
    while path:
        answer = await portal.get(path)
        seen += [order["id"] for order in answer.json()["items"]]
        link = answer.headers.get("Link", "")
        path = link.partition(">")[0].removeprefix("<") or None
        assert (path is None) is (answer.json()["next"] is None)
        pages += 1
    assert (seen, pages) == (wanted, 3)


@pytest.mark.parametrize("after", ["x", "bm90IGpzb24", "WzEsMl0", "!!", "é", "W10", "%00"])
async def test_a_garbage_cursor_is_refused(still_portal: Portal, after: str) -> None:
    answer = await still_portal.get(ORDERS, after=after)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "a"])
async def test_a_page_has_1_to_200_items(still_portal: Portal, limit: str) -> None:
    answer = await still_portal.get(ORDERS, limit=limit)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")

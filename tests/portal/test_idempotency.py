"""Idempotency keys: the same request is done once, and its first try counts."""

import pytest

from storage.engine import Database
from tests.factories import BUYER, CUSTOMER, PER_LINE
from tests.fixtures.orders import ORDERS, count_orders, count_receipts, draft, line
from tests.fixtures.portal import Portal, bearer

SALES = "usr_sam_sales"


async def test_a_repeat_is_the_same_order(portal: Portal, database: Database) -> None:
    first = await portal.post(ORDERS, draft(), key="once")
    again = await portal.post(
        ORDERS,
        raw=b'{"lines":[{"quantity":2,"sku":"%s"}],' % PER_LINE.encode()
        + b'"currency":"EUR", "customer_id":"%s"}' % CUSTOMER.encode(),
        key="once",
    )

    assert again.status_code == 201
    assert again.json() == first.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count_orders(database) == 1


async def test_another_body_under_the_same_key_is_refused(
    portal: Portal, database: Database
) -> None:
    await portal.post(ORDERS, draft(), key="once")
    other = await portal.post(ORDERS, line(quantity=3), key="once")

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert count_orders(database) == 1


async def test_keys_of_two_people_do_not_meet(portal: Portal, database: Database) -> None:
    await portal.post(ORDERS, draft(), key="once")
    other = await portal.post(ORDERS, draft(), key="once", user=SALES)

    assert other.status_code == 201
    assert count_orders(database) == 2


@pytest.mark.parametrize("key", ["", " ", "a b", "é".encode("latin-1"), "x" * 256])
async def test_a_strange_idempotency_key_is_refused(still_portal: Portal, key: str | bytes) -> None:
    headers = {**bearer(BUYER), "Content-Type": "application/json"}
    answer = await still_portal.http.post(
        ORDERS, json=draft(), headers=[*headers.items(), ("Idempotency-Key", key)]
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["pointer"] == "/header/Idempotency-Key"


async def test_a_missing_idempotency_key_is_named(still_portal: Portal) -> None:
    answer = await still_portal.http.post(ORDERS, json=draft(), headers=bearer(BUYER))
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


async def test_temporal_away_is_said_before_anything_is_written(
    portal_without_temporal: Portal, database: Database
) -> None:
    answer = await portal_without_temporal.post(ORDERS, draft(), key="once")

    assert (answer.status_code, answer.json()["code"]) == (503, "temporal_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert (count_orders(database), count_receipts(database)) == (0, 1)


async def test_the_first_try_counts_once_temporal_is_back(
    portal: Portal, portal_without_temporal: Portal
) -> None:
    refused = await portal_without_temporal.post(ORDERS, draft(), key="once")
    before = portal.state.clock()
    placed = await portal.post(ORDERS, draft(), key="once")

    assert (refused.status_code, placed.status_code) == (503, 201)
    assert placed.json()["placed_at"] < before.isoformat()

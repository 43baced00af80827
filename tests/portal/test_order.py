"""Orders over the API: placed once, refused by name, seen by those they concern."""

from typing import Any

import pytest
from sqlalchemy import func, select

from models.tables.column import table
from models.tables.order import OrderRow
from models.tables.principal import IdempotencyKeyRow
from storage.engine import Database
from tests.factories import BUYER, CUSTOMER, OPERATOR, OTHER_BUYER, OTHER_CUSTOMER, PER_LINE, Story
from tests.fixtures.portal import Portal, bearer

ORDERS = "/api/v1/orders"
SALES, HELPDESK, GLOBAL_ADMIN = "usr_sam_sales", "usr_hana_helpdesk", "usr_greta_global"


def draft(**changes: Any) -> dict[str, Any]:
    """A good order, with something else in place."""
    good = {
        "customer_id": CUSTOMER,
        "currency": "EUR",
        "lines": [{"sku": PER_LINE, "quantity": 2}],
    }
    return good | changes


def line(**changes: Any) -> dict[str, Any]:
    """A good order whose only line is different."""
    return draft(lines=[{"sku": PER_LINE, "quantity": 2} | changes])


def count_orders(database: Database) -> int:
    """How many orders the book has."""
    with database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table(OrderRow))).scalar_one()


def count_receipts(database: Database) -> int:
    """How many receipts were given."""
    with database.reading() as connection:
        rows = table(IdempotencyKeyRow)
        return connection.execute(select(func.count()).select_from(rows)).scalar_one()


async def test_an_order_is_placed_and_found_again(portal: Portal) -> None:
    placed = await portal.post(ORDERS, draft())

    assert placed.status_code == 201, placed.text
    order = placed.json()
    assert placed.headers["Location"] == f"{ORDERS}/{order['id']}"
    assert (order["status"], order["placed_by"]) == ("placed", BUYER)
    assert (await portal.get(placed.headers["Location"])).json() == order
    assert [o["id"] for o in (await portal.get(ORDERS)).json()["items"]] == [order["id"]]
    timeline = (await portal.get(f"{ORDERS}/{order['id']}/timeline")).json()["items"]
    assert [entry["sentence"] for entry in timeline] == ["The order was placed."]


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


BAD_DRAFTS = [
    pytest.param(line(sku="NOSUCHTHING:0001"), "unknown_sku", "", id="unknown SKU"),
    pytest.param(line(quantity=0), "invalid_request", "/lines/0/quantity", id="none"),
    pytest.param(line(quantity=-1), "invalid_request", "/lines/0/quantity", id="less than none"),
    pytest.param(line(quantity=10**9), "invalid_request", "/lines/0/quantity", id="a billion"),
    pytest.param(line(quantity=0.5), "invalid_request", "/lines/0/quantity", id="half a one"),
    pytest.param(line(quantity=2.0), "invalid_request", "/lines/0/quantity", id="a float"),
    pytest.param(line(quantity="1"), "invalid_request", "/lines/0/quantity", id="a text"),
    pytest.param(line(quantity=True), "invalid_request", "/lines/0/quantity", id="a truth"),
    pytest.param(line(quantity=None), "invalid_request", "/lines/0/quantity", id="null"),
    pytest.param(line(price=1), "invalid_request", "/lines/0/price", id="a price of one's own"),
    pytest.param(draft(currency="XXX"), "wrong_currency", "", id="a currency it is not sold in"),
    pytest.param(draft(currency="eur"), "invalid_request", "/currency", id="no currency"),
    pytest.param(draft(lines=[]), "invalid_request", "/lines", id="no lines"),
    pytest.param(draft(status="final"), "invalid_request", "/status", id="a status of one's own"),
    pytest.param(draft(reference="a\x00b"), "invalid_request", "/reference", id="NUL"),
    pytest.param(draft(reference="a\u202eb"), "invalid_request", "/reference", id="right to left"),
    pytest.param(draft(reference="a\nb"), "invalid_request", "/reference", id="two lines"),
    pytest.param(draft(reference="x" * 201), "invalid_request", "/reference", id="too long"),
    pytest.param(draft(customer_id="a\x00"), "invalid_request", "/customer_id", id="NUL in an id"),
    pytest.param(line(sku="é"), "invalid_request", "/lines/0/sku", id="an accent in an id"),
    pytest.param([], "invalid_request", "", id="a list"),
]


@pytest.mark.parametrize(("body", "code", "pointer"), BAD_DRAFTS)
async def test_a_bad_order_gets_its_problem_and_changes_nothing(
    still_portal: Portal, body: Any, code: str, pointer: str
) -> None:
    before = count_receipts(still_portal.state.database)
    answer = await still_portal.post(ORDERS, body)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    if code == "invalid_request":
        assert pointer in [error["pointer"] for error in answer.json()["errors"]]
        assert count_receipts(still_portal.state.database) == before, "no key is used up"
    assert count_orders(still_portal.state.database) == 0


BAD_JSON = [
    pytest.param(b'{"lines": NaN}', id="NaN"),
    pytest.param(b'{"lines": -Infinity}', id="infinity"),
    pytest.param(b'{"lines": 1e999}', id="beyond floats"),
    pytest.param(b'{"lines": %s}' % (b"9" * 5000), id="a very long integer"),
    pytest.param(b'{"lines": 9223372036854775808}', id="beyond 64 bits"),
    pytest.param(b'{"currency": "EUR", "currency": "USD"}', id="a member twice"),
    pytest.param(b'{"reference": "\\ud800"}', id="half a surrogate pair"),
    pytest.param(b'{"\\udfff": 1}', id="half a pair in a name"),
    pytest.param(b"[" * 40 + b"]" * 40, id="deep"),
    pytest.param(b"[" * 30_000 + b"]" * 30_000, id="very deep"),
    pytest.param(b'{"reference": "\xff"}', id="no UTF-8"),
    pytest.param(b'\xef\xbb\xbf{"reference": "a"}', id="a byte order mark"),
    pytest.param(b"{", id="half an object"),
    pytest.param(b"{'a': 1}", id="single quotes"),
    pytest.param(b'{"reference": "a\x00"}', id="a raw NUL"),
]


@pytest.mark.parametrize("raw", BAD_JSON)
async def test_what_parsers_read_differently_is_refused(still_portal: Portal, raw: bytes) -> None:
    before = count_receipts(still_portal.state.database)
    answer = await still_portal.post(ORDERS, raw=raw)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert count_receipts(still_portal.state.database) == before


async def test_a_large_body_is_refused_before_it_is_read(still_portal: Portal) -> None:
    answer = await still_portal.post(ORDERS, raw=b" " * (64 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_other_media_types_are_refused(still_portal: Portal) -> None:
    headers = {**bearer(BUYER), "Idempotency-Key": "k"}
    answer = await still_portal.http.post(ORDERS, content=b"a=1", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


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


async def test_a_reference_is_taken_once_per_partner(portal: Portal, database: Database) -> None:
    assert (await portal.post(ORDERS, draft(reference="PO-1"))).status_code == 201
    second = await portal.post(ORDERS, draft(reference="PO-1"))
    elsewhere = await portal.post(
        ORDERS, draft(reference="PO-1", customer_id=OTHER_CUSTOMER), user=OTHER_BUYER
    )

    assert (second.status_code, second.json()["code"]) == (409, "order_reference_taken")
    assert elsewhere.status_code == 201
    assert count_orders(database) == 2


async def test_a_customer_of_another_partner_is_not_there(still_portal: Portal) -> None:
    foreign = await still_portal.post(ORDERS, draft(customer_id=OTHER_CUSTOMER))
    missing = await still_portal.post(ORDERS, draft(customer_id="cus_nobody"))

    assert foreign.status_code == missing.status_code == 404
    assert _without_instance(foreign.json()) == _without_instance(missing.json())


def _without_instance(problem: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in problem.items() if name != "instance"}


async def test_nobody_in_particular_is_asked_who_they_are(still_portal: Portal) -> None:
    answer = await still_portal.post(ORDERS, raw=b"{", user=None)

    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


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


async def test_postgresql_away_is_said(portal_without_database: Portal) -> None:
    for answer in (
        await portal_without_database.post(ORDERS, draft()),
        await portal_without_database.get(ORDERS),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0


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


async def test_a_customers_people_do_not_read_about_cancellations(
    portal: Portal, database: Database
) -> None:
    story = Story(database).buy().request()
    path = f"{ORDERS}/{story.order_id}/timeline"

    partner = (await portal.get(path, HELPDESK)).json()["items"]
    customer = (await portal.get(path, GLOBAL_ADMIN)).json()["items"]

    assert "A cancellation was requested." in [entry["sentence"] for entry in partner]
    assert {entry["cancellation_id"] for entry in customer} == {None}
    assert [e for e in partner if e["cancellation_id"] is None] == customer


async def test_repairing_what_does_not_fail_is_refused(portal: Portal) -> None:
    order = (await portal.post(ORDERS, draft())).json()
    forbidden = await portal.post(f"{ORDERS}/{order['id']}/retry")
    missing = await portal.post(f"{ORDERS}/ord_nobody/retry", user=OPERATOR)

    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "forbidden")
    assert missing.status_code == 404

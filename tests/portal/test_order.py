"""Orders over the API: placed once, refused by name, seen by those they concern."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from storage.engine import Database
from tests.factories import BUYER, OPERATOR, OTHER_BUYER, OTHER_CUSTOMER, PER_UNIT, Story
from tests.fixtures.orders import ORDERS, count_orders, count_receipts, draft, line
from tests.fixtures.portal import Portal
from tests.fixtures.worker import House, manned

HELPDESK, GLOBAL_ADMIN = "usr_hana_helpdesk", "usr_greta_global"


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


async def test_a_customers_people_do_not_read_about_incidents_and_notes(
    portal: Portal, database: Database
) -> None:
    story = Story(database).place().charge().run_dry()
    path = f"{ORDERS}/{story.order_id}/timeline"
    (incident,) = (await portal.get("/api/v1/tickets", OPERATOR)).json()["items"]
    notes = f"/api/v1/tickets/{incident['id']}/notes"
    written = await portal.post(notes, {"text": "Keys are on the way."}, user=OPERATOR)
    assert written.status_code == 201

    told = {
        user: [entry["sentence"] for entry in (await portal.get(path, user)).json()["items"]]
        for user in (HELPDESK, GLOBAL_ADMIN)
    }

    hidden = [sentence for sentence in told[HELPDESK] if sentence not in told[GLOBAL_ADMIN]]
    assert len(hidden) == 2
    assert "incident" in hidden[0]
    assert hidden[1].startswith("A note was written")
    assert told[GLOBAL_ADMIN][0] == "The order was placed."


async def test_repairing_what_does_not_fail_is_refused(portal: Portal) -> None:
    order = (await portal.post(ORDERS, draft())).json()
    forbidden = await portal.post(f"{ORDERS}/{order['id']}/retry")
    missing = await portal.post(f"{ORDERS}/ord_nobody/retry", user=OPERATOR)

    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "forbidden")
    assert missing.status_code == 404


async def test_a_process_that_is_not_started_yet_is_no_closed_case(
    portal: Portal, database: Database
) -> None:
    waiting, over = Story(database).buy().request(), Story(database).place().charge().run_dry()
    case = f"/api/v1/cancellations/{waiting.cancellation_id}/retry"

    for path in (f"{ORDERS}/{waiting.order_id}/retry", case):
        early = await portal.post(path, user=OPERATOR)
        assert (early.status_code, early.json()["code"]) == (503, "process_not_running")
        assert int(early.headers["Retry-After"]) > 0
    closed = await portal.post(f"{ORDERS}/{over.order_id}/retry", user=OPERATOR)
    assert (closed.status_code, closed.json()["code"]) == (409, "case_closed")


async def test_a_process_that_cannot_go_on_is_asked_again_later(
    portal: Portal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(database).buy()
    said = "Unable to perform workflow execution update due to Workflow Task in failed state."

    async def refuse(*_: Any, **__: Any) -> None:
        raise RPCError(said, RPCStatusCode.FAILED_PRECONDITION, b"")

    monkeypatch.setattr(WorkflowHandle, "execute_update", refuse)
    answer = await portal.post(f"{ORDERS}/{story.order_id}/retry", user=OPERATOR)

    assert (answer.status_code, answer.json()["code"]) == (503, "process_in_trouble")
    assert int(answer.headers["Retry-After"]) > 0


async def test_an_operator_gives_up_an_order_that_waits_for_keys(
    portal: Portal, database: Database, temporal_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    dry = line(sku=PER_UNIT, quantity=21)
    inside = House(portal.state.desk, database, temporal_server.client, portal.settings.task_queue)
    async with manned(inside, tmp_path):
        order = (await portal.post(ORDERS, dry)).json()
        path = f"{ORDERS}/{order['id']}"
        await _until_an_incident(portal, f"{path}/timeline")
        given_up = await portal.post(f"{path}/compensation", user=OPERATOR, key="give-up")
        too_late = await portal.post(f"{path}/compensation", user=OPERATOR)

    assert (given_up.status_code, given_up.json()["stage"]) == (200, "failed")
    assert (await portal.get(path)).json()["status"] == "failed"
    assert (too_late.status_code, too_late.json()["code"]) == (409, "case_closed")


async def _until_an_incident(portal: Portal, timeline: str) -> None:
    for _ in range(200):
        if "incident" in (await portal.get(timeline)).text:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("no incident was opened")

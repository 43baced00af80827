"""Receipts: a refused request banks no instant, one that met a dead neighbour keeps its own."""

from datetime import timedelta

from storage.receipt import forget_receipt
from tests.factories import BUYER
from tests.fixtures.stack import Stack, form_of


async def test_a_refused_request_banks_no_instant(stack: Stack) -> None:
    story = stack.story().buy()
    case = await stack.waiting_case(story, BUYER)
    refused = await stack.caller(BUYER).post("/cancellations", form_of(story), key="banked")
    assert refused.code == "409 cancellation_already_open"
    await stack.caller(BUYER).post(f"/cancellations/{case['id']}/withdrawal", {})
    await stack.case(case["id"], "withdrawn")

    stack.clock.stopped_at = story.at + timedelta(days=61)
    late = await stack.caller(BUYER).post("/cancellations", form_of(story), key="banked")
    assert late.code == "409 cancellation_window_closed"


async def test_a_request_that_was_done_keeps_its_receipt(stack: Stack) -> None:
    story = stack.story().buy()
    asked = await stack.caller(BUYER).post("/cancellations", form_of(story), key="kept")
    forget_receipt(stack.database, asked.body["id"])
    again = await stack.caller(BUYER).post("/cancellations", form_of(story), key="kept")
    assert (again.status, again.body["id"]) == (201, asked.body["id"])

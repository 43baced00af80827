"""Cancellations over the API: the whole walk, and every request that must be refused and change nothing."""

import asyncio
from datetime import timedelta
from itertools import product
from typing import Any

from sqlalchemy import func, select

from storage.case import cancellations
from tests.factories import APPROVER, BOTH, BUYER, OPERATOR
from tests.fixtures.stack import Stack, form_of, money

WINDOW = timedelta(days=60)
SECOND = timedelta(seconds=1)
UNSTORABLE = ["a\u0000b", "\u202edesrever", "a\u0007b", "\uffff", "   ", ""]
FIELDS = ["reason", "title", "contact/name", "contact/email", "contact/phone"]
NO_AGENTS = ("usr_sam_sales", "usr_hana_helpdesk", "usr_greta_global", APPROVER, OPERATOR)


def count(stack: Stack) -> int:
    with stack.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(cancellations)).scalar_one()


async def test_from_order_to_credit_through_the_api_alone(stack: Stack) -> None:
    buyer = stack.caller(BUYER)
    customer = (await buyer.get("/customers")).body["items"][0]["id"]
    lines = [{"sku": "DG7GMGF0D5RK:0004", "quantity": 3}]
    draft = {"customer_id": customer, "currency": "EUR", "lines": lines}
    placed = (await buyer.post("/orders", draft)).body

    async def fulfilled() -> Any:
        order = (await buyer.get(f"/orders/{placed['id']}")).body
        return order if order["status"] == "fulfilled" else None

    (line,) = (await stack.wait(fulfilled))["lines"]
    item = f"/software/{line['software_id']}"
    assert (await buyer.post(f"{item}/key-reveals", {})).status == 201
    quote = (await buyer.get(f"{item}/cancellation-quote")).body
    assert (quote["eligible"], quote["credit"]) == (True, line["total"])
    assert quote["facts"]["key_revealed"] is True
    assert "earns the full credit" in quote["explanation"]

    contact = {"name": "Alena Nová", "email": "a@vltava-cloud.example", "phone": "+420601234567"}
    form = {"software_id": line["software_id"], "reason": "Wrong edition.", "contact": contact}
    asked = await buyer.post("/cancellations", form)
    assert asked.headers["Location"] == f"/api/v1/cancellations/{asked.body['id']}"
    case = await stack.case(asked.body["id"], "pending_approval")
    decision = await stack.caller(APPROVER).post(
        f"/tickets/{case['ticket_id']}/decisions", {"verdict": "approved", "note": "In time."}
    )
    assert decision.body["verdict"] == "approved"
    assert decision.body["amount"] == line["total"]

    done = await stack.case(case["id"], "completed")
    credit = (await buyer.get(f"/credits/{done['credit_id']}")).body
    assert credit["amount"] == line["total"]
    assert (await buyer.get(f"/tickets/{case['ticket_id']}")).body["status"] == "closed"
    timeline = (await buyer.get(f"/cancellations/{case['id']}/timeline")).body["items"]
    assert [entry["sentence"] for entry in timeline][-3:] == [
        f"{_credited(credit)}",
        "The product key and its links were revoked.",
        f"Ticket {case['ticket_number']} was closed.",
    ]
    stack.assert_book_is_right()


def _credited(credit: dict[str, Any]) -> str:
    return f"Credit {credit['number']} of 3,087.00 EUR was booked."


async def test_the_window_holds_to_its_last_second(stack: Stack) -> None:
    story = stack.story().buy()
    order = (await stack.caller(BUYER).get(f"/orders/{story.order_id}")).body
    closes = order["lines"][0]["window_closes_at"]
    path = f"/software/{story.software_id}/cancellation-quote"
    in_time = await stack.caller(BUYER).get(path, at=closes)
    assert in_time.body["eligible"] is True
    assert in_time.body["deadline"] == closes


async def test_a_second_late_is_late(stack: Stack) -> None:
    story = stack.story().buy()
    placed_at = story.at - timedelta(minutes=4)
    stack.clock.stopped_at = placed_at + WINDOW + SECOND
    late = await stack.caller(BUYER).post("/cancellations", form_of(story))
    assert late.code == "409 cancellation_window_closed"
    assert late.body["deadline"] == (placed_at + WINDOW).isoformat()
    assert late.body["received_at"] == (placed_at + WINDOW + SECOND).isoformat()
    assert count(stack) == 0
    stack.clock.stopped_at = placed_at + WINDOW
    assert (await stack.caller(BUYER).post("/cancellations", form_of(story))).status == 201


async def test_the_first_try_fixes_the_instant(stack: Stack) -> None:
    """Our own slowness, or a client's retry, never makes a request late."""
    story = stack.story().buy()
    placed_at = story.at - timedelta(minutes=4)
    caller = stack.caller(BUYER)
    stack.clock.stopped_at = placed_at + WINDOW
    first = await caller.post("/cancellations", form_of(story), key="same")
    stack.clock.stopped_at = placed_at + WINDOW + timedelta(days=1)
    again = await caller.post("/cancellations", form_of(story), key="same")
    assert (first.status, again.status) == (201, 201)
    assert again.body["id"] == first.body["id"]
    assert again.body["received_at"] == first.body["received_at"]
    assert count(stack) == 1


async def test_twice_is_once(stack: Stack) -> None:
    story = stack.story().buy()
    caller = stack.caller(BUYER)
    answers = await asyncio.gather(
        *(caller.post("/cancellations", form_of(story)) for _ in range(5))
    )
    assert sorted(answer.status for answer in answers) == [201] + [409] * 4
    refused = {answer.code for answer in answers if answer.status == 409}
    assert refused == {"409 cancellation_already_open"}
    assert count(stack) == 1


async def test_after_it_is_done_there_is_nothing_left(stack: Stack) -> None:
    story = stack.story().buy().cancel()
    again = await stack.caller(BUYER).post("/cancellations", form_of(story))
    assert again.code == "409 already_cancelled"


async def test_an_order_that_is_not_delivered_is_not_taken_back(stack: Stack) -> None:
    story = stack.story().place()
    early = await stack.caller(BUYER).post("/cancellations", form_of(story))
    assert early.code == "409 order_not_fulfilled"


async def test_another_partners_order_answers_like_a_missing_one(stack: Stack) -> None:
    story = stack.story().buy()
    stranger = stack.caller("usr_petra_admin")
    theirs = await stranger.post("/cancellations", form_of(story))
    missing = await stranger.post("/cancellations", form_of(story, software_id="sft_" + "0" * 32))
    assert theirs.code == missing.code == "404 not_found"
    assert theirs.body | {"instance": ""} == missing.body | {"instance": ""}
    assert count(stack) == 0


AMOUNTS: list[tuple[dict[str, Any], str]] = [
    (money(205_801), "422 amount_exceeds_credit"),
    (money(0), "422 amount_not_positive"),
    (money(-1), "422 amount_not_positive"),
    (money(100, "USD"), "422 wrong_currency"),
    ({"amount_minor": 100.5, "currency": "EUR"}, "422 invalid_request"),
    ({"amount_minor": "100", "currency": "EUR"}, "422 invalid_request"),
    ({"amount_minor": 2**63, "currency": "EUR"}, "400 malformed_json"),
    ({"amount_minor": 100, "currency": "eur"}, "422 invalid_request"),
    ({"amount_minor": 100}, "422 invalid_request"),
]


async def test_no_more_than_was_paid(stack: Stack) -> None:
    story = stack.story().buy()
    for amount, code in AMOUNTS:
        form = form_of(story, requested_amount=amount)
        assert (await stack.caller(BUYER).post("/cancellations", form)).code == code, amount
    assert count(stack) == 0


async def test_less_than_was_paid_is_asked_and_credited(stack: Stack) -> None:
    story = stack.story().buy()
    case = await stack.waiting_case(story, BUYER, requested_amount=money(100))
    decisions = f"/tickets/{case['ticket_id']}/decisions"
    assert (await stack.caller(APPROVER).post(decisions, {"verdict": "approved"})).status == 201
    await stack.case(case["id"], "completed")
    (credit,) = (await stack.caller(BUYER).get("/credits")).body["items"]
    assert credit["amount"] == money(100)
    stack.assert_book_is_right()


async def test_the_form_is_asked_whole(stack: Stack) -> None:
    form = form_of(stack.story().buy())
    for missing in ("reason", "contact", "software_id"):
        rest = {name: value for name, value in form.items() if name != missing}
        refused = await stack.caller(BUYER).post("/cancellations", rest)
        assert refused.code == "422 invalid_request"
        assert [error["pointer"] for error in refused.body["errors"]] == [f"/{missing}"]
    assert count(stack) == 0


async def test_text_that_cannot_be_kept_is_refused(stack: Stack) -> None:
    whole = form_of(stack.story().buy())
    for field, text in product(FIELDS, UNSTORABLE):
        outer, _, inner = field.partition("/")
        form = whole | {outer: whole[outer] | {inner: text} if inner else text}
        refused = await stack.caller(BUYER).post("/cancellations", form)
        assert refused.code == "422 invalid_request", (field, text)
        assert [error["pointer"] for error in refused.body["errors"]] == [f"/{field}"]
        assert not text.strip() or text.encode() not in refused.raw
    assert count(stack) == 0


async def test_odd_but_honest_text_is_kept_as_written(stack: Stack) -> None:
    reason = "Žluťoučký kůň 🐎\nالعربية"
    case = await stack.waiting_case(stack.story().buy(), BUYER, reason=reason)
    assert case["reason"] == reason


async def test_a_closed_form_takes_no_other_field(stack: Stack) -> None:
    form = form_of(stack.story().buy(), received_at="2026-01-01T00:00:00Z")
    refused = await stack.caller(BUYER).post("/cancellations", form)
    assert refused.body["errors"][0]["pointer"] == "/received_at"


async def test_only_admin_agents_ask(stack: Stack) -> None:
    story = stack.story().buy()
    for user_id in NO_AGENTS:
        refused = await stack.caller(user_id).post("/cancellations", form_of(story))
        assert refused.code == "403 forbidden", user_id
    assert count(stack) == 0


async def test_a_withdrawn_request_is_over_and_the_line_free(stack: Stack) -> None:
    story = stack.story().buy()
    case = await stack.waiting_case(story, BUYER)
    path = f"/cancellations/{case['id']}/withdrawal"
    withdrawn = await stack.caller(BUYER).post(path, {"note": "Kept after all."}, key="same")
    assert (withdrawn.status, withdrawn.body["verdict"]) == (201, "withdrawn")
    await stack.case(case["id"], "withdrawn")
    again = await stack.caller(BUYER).post(path, {"note": "Kept after all."}, key="same")
    assert (again.status, again.body) == (201, withdrawn.body)
    twice = await stack.caller(BUYER).post(path)
    assert (twice.code, twice.body["verdict"]) == ("409 already_decided", "withdrawn")
    late = await stack.caller(APPROVER).post(
        f"/tickets/{case['ticket_id']}/decisions", {"verdict": "approved"}
    )
    assert (late.code, late.body["verdict"]) == ("409 already_decided", "withdrawn")
    await stack.waiting_case(story, BUYER)
    stack.assert_book_is_right()


async def test_withdrawing_is_for_the_partners_admin_agents(stack: Stack) -> None:
    case = await stack.waiting_case(stack.story().buy(), BUYER)
    path = f"/cancellations/{case['id']}/withdrawal"
    assert (await stack.caller("usr_sam_sales").post(path)).code == "403 forbidden"
    assert (await stack.caller(APPROVER).post(path)).code == "403 forbidden"
    assert (await stack.caller("usr_petra_admin").post(path)).code == "404 not_found"
    assert (await stack.caller(BOTH).post(path)).status == 201


async def test_what_does_not_fail_is_not_repaired(stack: Stack) -> None:
    case = await stack.waiting_case(stack.story().buy(), BUYER)
    for act, code in (("retry", "nothing_to_retry"), ("compensation", "not_compensable")):
        path = f"/cancellations/{case['id']}/{act}"
        assert (await stack.caller(OPERATOR).post(path)).code == f"409 {code}"
        assert (await stack.caller(BUYER).post(path)).code == "403 forbidden"


async def test_cancellations_are_listed_by_order_and_status(stack: Stack) -> None:
    done = stack.story().buy().cancel()
    open_story = stack.story().buy()
    case = await stack.waiting_case(open_story, BUYER)
    caller = stack.caller(BUYER)
    every = (await caller.get("/cancellations")).body["items"]
    assert [found["id"] for found in every] == [case["id"], done.cancellation_id]
    by_order = (await caller.get("/cancellations", order_id=done.order_id)).body["items"]
    assert [found["id"] for found in by_order] == [done.cancellation_id]
    waiting = (await caller.get("/cancellations", status="pending_approval")).body["items"]
    assert [found["id"] for found in waiting] == [case["id"]]
    assert (await caller.get("/cancellations", status="lost")).code == "422 invalid_request"
    assert (await stack.caller("usr_petra_admin").get("/cancellations")).body["items"] == []


async def test_a_case_shows_no_contact(stack: Stack) -> None:
    case = await stack.waiting_case(stack.story().buy(), BUYER)
    answer = await stack.caller(BUYER).get(f"/cancellations/{case['id']}")
    assert b"alena@" not in answer.raw
    assert b"Alena" not in answer.raw

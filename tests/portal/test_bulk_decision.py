"""Bulk decisions over the API: each ticket by itself, in the order given, once however often it is sent."""

import asyncio
from typing import Any

from sqlalchemy import func, select

from models.ids import Prefix
from models.receipt import Receipt
from portal.bulk_decision import decision_id
from storage.case import decisions
from storage.policy import add_policies
from tests.factories import APPROVER, BOTH, BUYER, SEVERAL
from tests.fixtures.portal import Portal
from tests.fixtures.stack import Answer, Stack
from tests.fixtures.terms import two_people

PATH = "/tickets/bulk-decisions"


async def waiting(stack: Stack, requester: str = BUYER, **order: Any) -> dict[str, Any]:
    return await stack.waiting_case(stack.story(**order).buy(), requester)


async def several(stack: Stack, count: int) -> list[dict[str, Any]]:
    return list(await asyncio.gather(*(waiting(stack) for _ in range(count))))


def named(*cases: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"ticket_id": case["ticket_id"], "revision": case["revision"]} for case in cases]


async def decide(
    stack: Stack, tickets: Any, user: str = APPROVER, *, key: str | None = None, **draft: Any
) -> Answer:
    body = {"tickets": tickets, "verdict": "approved"} | draft
    return await stack.caller(user).post(PATH, body, key=key)


def count_decisions(stack: Stack) -> int:
    with stack.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(decisions)).scalar_one()


async def test_each_is_decided_by_itself_and_told_in_order(stack: Stack) -> None:
    cases = await several(stack, 2)
    moved_story = stack.story().buy()
    moved = await stack.waiting_case(moved_story, BUYER)
    moved_story.reveal()
    own, missing = await waiting(stack, BOTH), {"ticket_id": "tkt_none"}

    tickets = [*named(cases[0], own, moved), missing, *named(cases[1])]
    answer = await decide(stack, tickets, BOTH, note="All bought twice.")

    assert (answer.status, answer.body["settled"]) == (200, 2)
    told = answer.body["tickets"]
    assert [one["ticket_id"] for one in told] == [one["ticket_id"] for one in tickets]
    assert [one["status"] for one in told] == [201, 403, 412, 404, 201]
    codes = [one["problem"] and one["problem"]["code"] for one in told]
    assert codes == [None, "own_request", "stale_view", "not_found", None]
    assert [change["sentence"] for change in told[2]["problem"]["changes"]] == [
        "The product key of unit 1 was revealed."
    ]
    for case, one in ((cases[0], told[0]), (cases[1], told[4])):
        assert one["decision"]["amount"] == case["requested_amount"]
        assert one["decision"]["note"] == "All bought twice."
        await stack.case(case["id"], "completed")
    assert count_decisions(stack) == 2
    stack.assert_book_is_right()


async def test_a_repeat_decides_nothing_again_and_answers_the_same(stack: Stack) -> None:
    cases = await several(stack, 3)
    first = await decide(stack, named(*cases), key="same", verdict="declined")
    at_once = [decide(stack, named(*cases), key="same", verdict="declined") for _ in range(3)]
    again = await asyncio.gather(*at_once)
    assert {one["status"] for one in first.body["tickets"]} == {201}
    assert [repeat.body for repeat in again] == [first.body] * 3
    assert count_decisions(stack) == 3
    other = await decide(stack, named(*cases), key="same")
    assert other.code == "422 idempotency_key_reused"


async def test_what_broke_off_half_way_is_finished_by_the_repeat(stack: Stack) -> None:
    cases = await several(stack, 16)

    async def begun() -> bool | None:
        return count_decisions(stack) > 0 or None

    broken = asyncio.create_task(decide(stack, named(*cases), key="same"))
    await stack.wait(begun)
    broken.cancel()
    await asyncio.gather(broken, return_exceptions=True)
    assert broken.cancelled()

    whole = await decide(stack, named(*cases), key="same")

    assert [one["status"] for one in whole.body["tickets"]] == [201] * 16
    receipt = Receipt(resource_id=whole.body["id"], received_at=stack.clock())
    for case, one in zip(cases, whole.body["tickets"], strict=True):
        assert one["decision"]["id"] == decision_id(receipt, case["ticket_id"])
    assert count_decisions(stack) == 16


async def test_whoever_was_first_is_named(stack: Stack) -> None:
    (case,) = await several(stack, 1)
    path = f"/tickets/{case['ticket_id']}/decisions"
    assert (await stack.caller(BOTH).post(path, {"verdict": "declined"})).status == 201
    (late,) = (await decide(stack, [{"ticket_id": case["ticket_id"]}])).body["tickets"]
    assert (late["status"], late["problem"]["code"]) == (409, "already_decided")
    assert late["problem"]["decided_by"] == BOTH


async def test_where_more_people_are_asked_it_is_one_approval(stack: Stack) -> None:
    with stack.database.transaction() as connection:
        add_policies(connection, [two_people()])
    case = await waiting(stack, sku=SEVERAL)
    (one,) = (await decide(stack, named(case))).body["tickets"]
    assert (one["status"], one["approval"]["approved_by"]) == (202, APPROVER)
    (twice,) = (await decide(stack, [{"ticket_id": case["ticket_id"]}])).body["tickets"]
    assert twice["problem"]["code"] == "already_approved"


async def test_a_malformed_one_decides_nothing(portal: Portal) -> None:
    one = {"ticket_id": "tkt_1"}
    for draft in (
        {"tickets": []},
        {"tickets": [one] * 2},
        {"tickets": [{"ticket_id": f"tkt_{number}"} for number in range(101)]},
        {"amount": {"amount_minor": 1, "currency": "EUR"}},
        {"verdict": "withdrawn"},
        {"verdict": "approved", "reason_code": "other"},
    ):
        body = {"tickets": [one], "verdict": "approved"} | draft
        answer = await portal.post(f"/api/v1{PATH}", body, APPROVER)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), draft


def test_every_ticket_has_a_decision_of_its_own() -> None:
    receipts = [Receipt(resource_id=f"blk_{n}", received_at="2026-03-02T09:00:00Z") for n in "12"]
    ids = {decision_id(receipt, ticket) for receipt in receipts for ticket in ("tkt_1", "tkt_2")}
    assert len(ids) == 4
    assert {one.partition("_")[0] for one in ids} == {Prefix.DECISION}

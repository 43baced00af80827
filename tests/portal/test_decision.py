"""Decisions over the API: on a view that may be stale, and for reasons that the policy lists."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models.policy import USUAL_DECLINE_REASONS
from models.tables.column import table
from models.tables.record import OutboxRow
from storage.policy import add_policies
from tests.factories import APPROVER, BUYER, OTHER_APPROVER, SEVERAL, UNDOABLE
from tests.fixtures.stack import Answer, Stack
from tests.fixtures.terms import two_people, undoable

APPROVED = {"verdict": "approved"}
DAY = timedelta(days=1)
outbox = table(OutboxRow)


async def decide(
    stack: Stack, case: dict[str, Any], user: str = APPROVER, key: str | None = None, **draft: Any
) -> Answer:
    path = f"/tickets/{case['ticket_id']}/decisions"
    return await stack.caller(user).post(path, APPROVED | draft, key=key)


@pytest.mark.parametrize("verdict", ["approved", "declined"])
async def test_a_case_that_moved_is_not_decided(stack: Stack, verdict: str) -> None:
    story = stack.story().buy()
    case = await stack.waiting_case(story, BUYER)
    story.reveal()

    stale = await decide(stack, case, key="one", verdict=verdict, revision=case["revision"])

    assert stale.code == "412 stale_view"
    assert [change["sentence"] for change in stale.body["changes"]] == [
        "The product key of unit 1 was revealed."
    ]
    case = await stack.case(case["id"], "pending_approval")
    assert stale.body["revision"] == case["revision"] > 0
    # The refused try used no key up, and the new view decides.
    fresh = await decide(stack, case, key="one", verdict=verdict, revision=case["revision"])
    assert (fresh.status, fresh.body["verdict"]) == (201, verdict)
    repeat = await decide(stack, case, key="one", verdict=verdict, revision=case["revision"])
    assert repeat.body == fresh.body
    stack.assert_book_is_right()


async def test_if_match_says_the_same_as_the_body(stack: Stack) -> None:
    story = stack.story().buy()
    case = await stack.waiting_case(story, BUYER)
    path, caller = f"/tickets/{case['ticket_id']}/decisions", stack.caller(APPROVER)

    for tag, code in (
        ('"1"', "412 stale_view"),
        ("1", "422 invalid_request"),
        ("*", "422 invalid_request"),
    ):
        assert (await caller.post(path, APPROVED, headers={"If-Match": tag})).code == code, tag
    seen = f'"{case["revision"]}"'
    other = APPROVED | {"revision": case["revision"] - 1}
    contradiction = await caller.post(path, other, headers={"If-Match": seen})
    assert contradiction.body["errors"][0]["pointer"] == "/header/If-Match"
    assert (await caller.post(path, APPROVED, headers={"If-Match": seen})).status == 201


async def test_of_two_who_saw_the_same_the_second_has_a_stale_view(stack: Stack) -> None:
    with stack.database.transaction() as connection:
        add_policies(connection, [two_people()])
    case = await stack.waiting_case(stack.story(sku=SEVERAL).buy(), BUYER)

    answers = await asyncio.gather(
        *(
            decide(stack, case, person, revision=case["revision"])
            for person in (APPROVER, OTHER_APPROVER)
        )
    )

    assert sorted(answer.status for answer in answers) == [202, 412]
    case = await stack.case(case["id"], "pending_approval")
    late = APPROVER if answers[0].status == 412 else OTHER_APPROVER
    # The last approval moves the case itself before the verdict is recorded; that is no change to its giver.
    assert (await decide(stack, case, late, revision=case["revision"])).status == 201
    await stack.case(case["id"], "completed")
    stack.assert_book_is_right()


@pytest.mark.parametrize(("given", "kept"), [("software_used", "software_used"), (None, "other")])
async def test_a_decline_says_why_by_a_listed_reason(
    stack: Stack, given: str | None, kept: str
) -> None:
    case = await stack.waiting_case(stack.story().buy(), BUYER)
    why = {} if given is None else {"reason_code": given}

    declined = await decide(stack, case, verdict="declined", **why)

    assert (declined.status, declined.body["reason_code"]) == (201, kept)
    told = (await stack.caller(BUYER).get("/events", limit="200")).body["items"]
    (event,) = (event for event in told if event["type"] == "keydesk.cancellation.decided.v1")
    assert event["data"]["reason_code"] == kept
    with stack.database.reading() as connection:
        notice = select(outbox.c.facts).where(outbox.c.kind == "cancellation_declined")
        facts = connection.execute(notice).scalar_one()
    usual = {reason.code: reason for reason in USUAL_DECLINE_REASONS}
    assert facts["reason"] == {"en": usual[kept].en, "cs": usual[kept].cs}


async def test_a_reason_nobody_listed_declines_nothing(stack: Stack) -> None:
    case = await stack.waiting_case(stack.story().buy(), BUYER)

    unlisted = await decide(stack, case, verdict="declined", reason_code="i_do_not_like_it")
    approving = await decide(stack, case, reason_code="software_used")

    offered = [reason.code for reason in USUAL_DECLINE_REASONS]
    assert (unlisted.code, unlisted.body["offered"]) == ("422 decline_reason_not_offered", offered)
    assert approving.code == "422 invalid_request"
    assert (await decide(stack, case)).status == 201


async def test_an_approval_is_taken_back_in_its_time(stack: Stack) -> None:
    with stack.database.transaction() as connection:
        add_policies(connection, [undoable()])
    case = await stack.waiting_case(stack.story(sku=UNDOABLE).buy(), BUYER)
    approved = await decide(stack, case, key="yes")
    path = f"/tickets/{case['ticket_id']}/decisions/{approved.body['id']}/undo"

    assert approved.body["undo_until"] > approved.body["decided_at"]
    assert (await stack.caller(OTHER_APPROVER).post(path)).code == "403 not_your_approval"
    assert (await stack.caller(BUYER).post(path)).code == "403 forbidden"
    undone = await stack.caller(APPROVER).post(path, key="no")

    assert (undone.status, undone.body["undo"]["undone_by"]) == (201, APPROVER)
    waiting = await stack.case(case["id"], "pending_approval")
    assert (waiting["verdict"], waiting["undo_until"]) == (None, None)
    # Both requests, repeated, answer as they did; the approval now shows that it was taken back.
    assert (await stack.caller(APPROVER).post(path, key="no")).body == undone.body
    assert (await decide(stack, case, key="yes")).body == undone.body
    assert (await stack.caller(APPROVER).post(path)).code == "409 undo_closed"
    declined = await decide(stack, case, OTHER_APPROVER, verdict="declined")
    assert declined.status == 201
    await stack.case(case["id"], "declined")
    assert (await stack.caller(APPROVER).post(path, key="no")).body == undone.body
    assert (await decide(stack, case, key="yes")).body == undone.body
    stack.assert_book_is_right()


async def test_a_delegate_decides_over_the_api_until_it_is_revoked(stack: Stack) -> None:
    now = datetime.now(UTC)
    times = {"begins_at": (now - DAY).isoformat(), "ends_at": (now + DAY).isoformat()}
    bob, carol = stack.caller(APPROVER), stack.caller(OTHER_APPROVER)
    draft = {"delegate_id": OTHER_APPROVER} | times

    made = await bob.post("/delegations", draft, key="away")
    assert (made.status, made.body["approver_id"]) == (201, APPROVER)
    assert (await bob.post("/delegations", draft, key="away")).body == made.body
    assert (await bob.post("/delegations", draft)).code == "409 delegation_overlaps"
    assert (await carol.post("/delegations", draft)).code == "422 not_delegable"
    assert (await stack.caller(BUYER).post("/delegations", draft)).code == "403 forbidden"
    assert (await carol.get("/delegations")).body["items"] == [made.body]

    first, second = stack.story().buy(), stack.story().buy()
    case = await stack.waiting_case(first, BUYER)
    decided = await decide(stack, case, OTHER_APPROVER, on_behalf_of=APPROVER)
    assert (decided.body["decided_by"], decided.body["on_behalf_of"]) == (OTHER_APPROVER, APPROVER)
    await stack.case(case["id"], "completed")
    timeline = (await carol.get(f"/cancellations/{case['id']}/timeline")).body["items"]
    told = f"The cancellation was approved by {OTHER_APPROVER} for {APPROVER}."
    assert told in [entry["sentence"] for entry in timeline]

    assert (await bob.post(f"/delegations/{made.body['id']}/revocation")).status == 201
    case = await stack.waiting_case(second, BUYER)
    late = await decide(stack, case, OTHER_APPROVER, on_behalf_of=APPROVER)
    assert late.code == "403 not_a_delegate"
    stack.assert_book_is_right()

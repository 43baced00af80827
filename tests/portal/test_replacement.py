"""Replacements over the API: one asks, another decides, the unit has a new key and the old one is dead."""

from typing import Any

import pytest

from tests.factories import APPROVER, BOTH, BUYER, OPERATOR, OTHER_BUYER, PER_UNIT, Story
from tests.fixtures.stack import Answer, Stack, form_of

WHY = {"unit_number": 1, "reason": "It was posted in a forum."}


@pytest.fixture
def story(stack: Stack) -> Story:
    return stack.story(sku=PER_UNIT, quantity=2).buy()


def path(story: Story, verb: str) -> str:
    return f"/software/{story.software_id}/{verb}"


async def ask(stack: Stack, story: Story, user_id: str = BUYER, **body: Any) -> Answer:
    return await stack.caller(user_id).post(path(story, "key-replacements"), WHY | body)


async def reached(stack: Stack, replacement_id: str, status: str) -> dict[str, Any]:
    """The replacement once it stands there."""

    async def look() -> Any:
        found = await stack.caller(OPERATOR).get(f"/replacements/{replacement_id}")
        return found.body if found.body["status"] == status else None

    there: dict[str, Any] = await stack.wait(look)
    return there


async def decide(
    stack: Stack, replacement_id: str, user_id: str, verdict: str, **said: str
) -> Answer:
    decisions = f"/replacements/{replacement_id}/decisions"
    return await stack.caller(user_id).post(decisions, {"verdict": verdict} | said, key="decision")


async def test_a_leaked_key_is_replaced_by_two_people(stack: Stack, story: Story) -> None:
    buyer = stack.caller(BUYER)
    reveal = path(story, "key-reveals")
    leaked = (await buyer.post(reveal, {"unit_number": 1})).body["product_key"]

    asked = await ask(stack, story)

    assert asked.status == 201
    found = await reached(stack, asked.body["id"], "pending_approval")
    assert asked.headers["Location"] == f"/api/v1/replacements/{found['id']}"
    assert (await buyer.post(reveal, {"unit_number": 1})).code == "409 key_not_live"
    assert (await decide(stack, found["id"], APPROVER, "approved")).status == 201
    done = await reached(stack, found["id"], "completed")
    assert (done["decided_by"], done["unit_number"]) == (APPROVER, 1)
    new = await buyer.post(reveal, {"unit_number": 1})
    assert new.body["id"] == done["new_key_id"]
    assert new.body["product_key"] != leaked
    old = await buyer.post(reveal, {"key_id": done["old_key_id"]})
    assert (old.code, old.body["state"]) == ("409 key_not_live", "revoked")
    again = await decide(stack, found["id"], APPROVER, "approved")
    assert (again.status, again.body["status"]) == (201, "completed"), "a repeat is answered"
    timeline = (await buyer.get(f"/orders/{story.order_id}/timeline")).body["items"]
    assert "The product key of unit 1 was replaced." in [entry["sentence"] for entry in timeline]
    feed = (await stack.caller("usr_ivan_integrator").get("/events")).body["items"]
    told = [event["data"]["key_ids"] for event in feed if event["type"] == "keydesk.key.revoked.v1"]
    assert told == [[done["old_key_id"]]]
    assert "keydesk.key.replaced.v1" in [event["type"] for event in feed]
    stack.assert_book_is_right()


async def test_the_first_decision_stands_and_the_requester_has_none(
    stack: Stack, story: Story
) -> None:
    found = (await ask(stack, story, BOTH)).body
    await reached(stack, found["id"], "pending_approval")

    own = await decide(stack, found["id"], BOTH, "approved")
    none = await decide(stack, found["id"], BUYER, "approved")
    strange = await decide(stack, found["id"], OTHER_BUYER, "approved")
    declined = await decide(stack, found["id"], APPROVER, "declined", note="It is a sample key.")
    late = await stack.caller(BOTH).post(f"/replacements/{found['id']}/withdrawal", key="late")

    assert own.code == "403 own_request"
    assert none.code == strange.code == "403 forbidden"
    assert (declined.status, declined.body["decided_by"]) == (201, APPROVER)
    assert declined.body["note"] == "It is a sample key."
    assert late.status == 409
    stack.assert_book_is_right()


async def test_a_line_has_one_open_case(stack: Stack, story: Story) -> None:
    found = (await ask(stack, story)).body
    await reached(stack, found["id"], "pending_approval")

    second = await ask(stack, story, unit_number=2)
    cancellation = await stack.caller(BUYER).post("/cancellations", form_of(story))

    assert second.code == cancellation.code == "409 replacement_open"
    assert cancellation.body["replacement_id"] == found["id"]
    gone = await stack.caller(BUYER).post(f"/replacements/{found['id']}/withdrawal")
    assert gone.body["status"] == "withdrawn"
    await stack.waiting_case(story, BUYER)
    assert (await ask(stack, story)).code == "409 cancellation_already_open"
    stack.assert_book_is_right()


async def test_an_operator_suspends_and_reinstates_a_single_key(stack: Stack, story: Story) -> None:
    operator, buyer = stack.caller(OPERATOR), stack.caller(BUYER)

    suspended = await operator.post(path(story, "key-suspensions"), WHY, key="same")
    again = await operator.post(path(story, "key-suspensions"), WHY, key="same")

    assert suspended.status == again.status == 201
    assert [key["state"] for key in suspended.body["keys"]] == ["suspended", "allocated"]
    assert suspended.body["status"] == "active"
    reveal = path(story, "key-reveals")
    assert (await buyer.post(reveal, {"unit_number": 1})).code == "409 key_not_live"
    assert (await buyer.post(reveal, {"unit_number": 2})).status == 201
    once_more = await operator.post(path(story, "key-suspensions"), WHY)
    assert (once_more.code, once_more.body["state"]) == ("409 key_not_movable", "suspended")
    back = await operator.post(path(story, "key-reinstatements"), WHY)
    assert [key["state"] for key in back.body["keys"]] == ["allocated", "allocated"]
    assert (await buyer.post(path(story, "key-suspensions"), WHY)).code == "403 forbidden"
    stack.assert_book_is_right()


async def test_a_request_says_which_key_and_why(stack: Stack, story: Story) -> None:
    caller = stack.caller(BUYER)
    for body in ({}, {"unit_number": 1}, {"reason": " "}, WHY | {"key_id": "key_1"}):
        assert (await caller.post(path(story, "key-replacements"), body)).code == (
            "422 invalid_request"
        )
    quoted = {"unit_number": 1, "reason": "abcde-fghjk-lmnpq-rstuv-wxyz2 is on the web."}
    refused = await caller.post(path(story, "key-replacements"), quoted)
    assert refused.code == "422 invalid_request"
    assert b"fghjk" not in refused.raw
    noted = {"verdict": "declined", "note": "abcde-fghjk-lmnpq-rstuv-wxyz2 is a sample."}
    told = await stack.caller(APPROVER).post("/replacements/rpl_1/decisions", noted)
    assert told.code == "422 invalid_request"
    unnamed = await caller.post(path(story, "key-replacements"), {"reason": "Leaked."})
    assert unnamed.code == "422 key_not_named"
    assert (await ask(stack, story, unit_number=3)).code == "404 not_found"
    assert (await ask(stack, story, OTHER_BUYER)).code == "404 not_found"


async def test_the_list_shows_the_callers_own_newest_first(stack: Stack, story: Story) -> None:
    first = (await ask(stack, story)).body["id"]
    second = (await ask(stack, stack.story().buy())).body["id"]

    own = await stack.caller(BUYER).get("/replacements")
    page = await stack.caller(BUYER).get("/replacements", limit="1")
    rest = await stack.caller(BUYER).get("/replacements", limit="1", after=page.body["next"])
    stranger = await stack.caller(OTHER_BUYER).get("/replacements")

    assert [item["id"] for item in own.body["items"]] == [second, first]
    assert [item["id"] for item in page.body["items"] + rest.body["items"]] == [second, first]
    assert stranger.body["items"] == []

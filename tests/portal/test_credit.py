"""Credits over the API: who sees which."""

from tests.factories import BUYER
from tests.fixtures.stack import Stack


async def test_a_credit_names_its_case_its_line_and_its_amount(stack: Stack) -> None:
    story = stack.story().buy().cancel()
    caller = stack.caller(BUYER)
    (listed,) = (await caller.get("/credits", order_id=story.order_id)).body["items"]
    assert listed["cancellation_id"] == story.cancellation_id
    assert listed["line_id"] == story.line_id
    order = (await caller.get(f"/orders/{story.order_id}")).body
    assert listed["amount"] == order["total"]
    assert listed["number"] >= 500001
    assert (await caller.get(f"/credits/{listed['id']}")).body == listed


async def test_credits_are_paged_newest_first(stack: Stack) -> None:
    told = [stack.story(quantity=1).buy().cancel() for _ in range(3)]
    first = await stack.caller(BUYER).get("/credits", limit="2")
    rest = await stack.caller(BUYER).get("/credits", limit="2", after=first.body["next"])
    cases = [credit["cancellation_id"] for credit in first.body["items"] + rest.body["items"]]
    assert cases == [story.cancellation_id for story in reversed(told)]
    assert rest.body["next"] is None


async def test_roles_without_money_see_no_credit(stack: Stack) -> None:
    for user_id in ("usr_hana_helpdesk", "usr_greta_global", "usr_ivan_integrator"):
        assert (await stack.caller(user_id).get("/credits")).code == "403 forbidden", user_id


async def test_another_partner_sees_nothing_of_it(stack: Stack) -> None:
    stack.story().buy().cancel()
    (credit,) = (await stack.caller("usr_bob_approver").get("/credits")).body["items"]
    stranger = stack.caller("usr_petra_admin")
    assert (await stranger.get("/credits")).body["items"] == []
    theirs = await stranger.get(f"/credits/{credit['id']}")
    missing = await stranger.get("/credits/crd_" + "0" * 32)
    assert theirs.code == missing.code == "404 not_found"
    assert theirs.body | {"instance": ""} == missing.body | {"instance": ""}


async def test_a_cursor_from_elsewhere_is_refused(stack: Stack) -> None:
    for after in ("x", "bnVsbA", "\u0000", "e30", "🐎"):
        answer = await stack.caller(BUYER).get("/credits", after=after)
        assert answer.code == "422 invalid_cursor", after

"""Software over the API: listed with masked keys, scoped, and still listed once cancelled, without its key."""

from tests.factories import BUYER, PER_UNIT
from tests.fixtures.stack import Stack

CUSTOMER_1 = "cus_00000000000000000000000000000001"
OTHER_PARTNER, GLOBAL_ADMIN, CUSTOMER_USER = (
    "usr_petra_admin",
    "usr_greta_global",
    "usr_ulrich_user",
)


async def test_items_are_listed_newest_first_with_masked_keys(stack: Stack) -> None:
    first = stack.story().buy()
    second = stack.story(sku=PER_UNIT, quantity=2).buy()
    listed = await stack.caller(BUYER).get(f"/customers/{CUSTOMER_1}/software")
    assert [item["id"] for item in listed.body["items"]] == [second.software_id, first.software_id]
    newest = listed.body["items"][0]
    assert (newest["status"], newest["quantity"], newest["sku"]) == ("active", 2, PER_UNIT)
    assert [key["unit_number"] for key in newest["keys"]] == [1, 2]
    assert all(key["masked"].startswith("*****-*****-*****-*****-") for key in newest["keys"])
    assert b"DEMO0" not in listed.raw


async def test_pages_follow_one_another_without_a_hole(stack: Stack) -> None:
    told = [stack.story(quantity=1).place() for _ in range(5)]
    seen: list[str] = []
    query = {"limit": "2"}
    while True:
        page = await stack.caller(BUYER).get(f"/customers/{CUSTOMER_1}/software", **query)
        seen += [item["id"] for item in page.body["items"]]
        if page.body["next"] is None:
            break
        assert page.headers["Link"].endswith('rel="next"')
        query["after"] = page.body["next"]
    assert seen == [story.software_id for story in reversed(told)]


async def test_a_cancelled_item_stays_listed_without_its_key(stack: Stack) -> None:
    story = stack.story().buy().reveal().cancel()
    item = await stack.caller(BUYER).get(f"/software/{story.software_id}")
    assert (item.body["status"], item.body["keys"]) == ("cancelled", [])


async def test_a_reveal_shows_on_the_key(stack: Stack) -> None:
    story = stack.story().buy().reveal()
    item = await stack.caller("usr_bob_approver").get(f"/software/{story.software_id}")
    (key,) = item.body["keys"]
    assert key["revealed_by"] == BUYER
    assert key["revealed_at"] is not None


async def test_of_a_customers_users_only_the_global_admin_sees_keys(stack: Stack) -> None:
    story = stack.story().buy()
    path = f"/software/{story.software_id}"
    assert len((await stack.caller(GLOBAL_ADMIN).get(path)).body["keys"]) == 1
    assert (await stack.caller(CUSTOMER_USER).get(path)).body["keys"] == []


async def test_another_partners_item_answers_like_a_missing_one(stack: Stack) -> None:
    story = stack.story().buy()
    stranger = stack.caller(OTHER_PARTNER)
    for rest in ("", "/downloads", "/cancellation-quote"):
        theirs = await stranger.get(f"/software/{story.software_id}{rest}")
        missing = await stranger.get(f"/software/sft_{'0' * 32}{rest}")
        assert theirs.code == missing.code == "404 not_found"
        assert _without_id(theirs.body) == _without_id(missing.body)


async def test_another_partners_customer_answers_like_a_missing_one(stack: Stack) -> None:
    stranger = stack.caller(OTHER_PARTNER)
    theirs = await stranger.get(f"/customers/{CUSTOMER_1}/software")
    missing = await stranger.get("/customers/cus_missing/software")
    assert theirs.code == "404 not_found"
    assert _without_id(theirs.body) == _without_id(missing.body)


async def test_an_id_that_cannot_be_one_is_refused(stack: Stack) -> None:
    for software_id in ("sft_%00", "x" * 65, "%F0%9F%98%80"):
        answer = await stack.caller(BUYER).get(f"/software/{software_id}")
        assert answer.code == "422 invalid_request", software_id


def _without_id(problem: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in problem.items() if name != "instance"}

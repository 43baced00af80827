"""Part of a line over the API: ten are bought, four go, then the other six; the book is right at every stage."""

from typing import Any

from storage.policy import add_policies
from tests.factories import APPROVER, BUYER, PARTS
from tests.fixtures.stack import Caller, Stack, form_of, money
from tests.fixtures.terms import single_units

PRICE = 108_999


async def bought(stack: Stack, quantity: int) -> dict[str, Any]:
    """A line of so many units with a key for each, delivered by its own process."""
    with stack.database.transaction() as connection:
        add_policies(connection, [single_units()])
    buyer = stack.caller(BUYER)
    customer = (await buyer.get("/customers")).body["items"][0]["id"]
    lines = [{"sku": PARTS, "quantity": quantity}]
    draft = {"customer_id": customer, "currency": "EUR", "lines": lines}
    placed = (await buyer.post("/orders", draft)).body
    return (await line_once(stack, placed["id"], "fulfilled")) | {"order_id": placed["id"]}


async def line_once(stack: Stack, order_id: str, status: str) -> dict[str, Any]:
    """The order's one line, once the order has come that far."""

    async def look() -> Any:
        order = (await stack.caller(BUYER).get(f"/orders/{order_id}")).body
        return order["lines"][0] if order["status"] == status else None

    found: dict[str, Any] = await stack.wait(look)
    return found


async def taken_back(stack: Stack, item: str, **form: Any) -> dict[str, Any]:
    """A case from its request to its end, approved as asked."""
    contact = {"name": "Alena Nová", "email": "a@vltava-cloud.example", "phone": "+420601234567"}
    wanted = {"software_id": item, "reason": "Too many.", "contact": contact} | form
    asked = await stack.caller(BUYER).post("/cancellations", wanted)
    assert asked.status == 201, asked.body
    case = await stack.case(asked.body["id"], "pending_approval")
    stack.assert_book_is_right()
    verdict = {"verdict": "approved"}
    await stack.caller(APPROVER).post(f"/tickets/{case['ticket_id']}/decisions", verdict)
    return await stack.case(case["id"], "completed")


async def test_four_of_ten_go_and_then_the_other_six(stack: Stack) -> None:
    line = await bought(stack, 10)
    item, buyer = line["software_id"], stack.caller(BUYER)
    await buyer.post(f"/software/{item}/key-reveals", {"unit_number": 10})
    quote = (await buyer.get(f"/software/{item}/cancellation-quote", quantity="4")).body
    assert (quote["eligible"], quote["credit"]) == (True, money(4 * PRICE))
    assert quote["facts"]["key_revealed"] is False
    assert "the full credit of 4,359.96 EUR for 4 of 10 units" in quote["explanation"]

    first = await taken_back(stack, item, quantity=4)

    assert (first["quantity"], first["units"]) == (4, [6, 7, 8, 9])
    title = (await buyer.get(f"/tickets/{first['ticket_id']}")).body["title"]
    assert "Project Professional 2021 (4 of 10 units)" in title
    assert await keys(buyer, item) == {"revoked": 4, "allocated": 6}
    line = await line_once(stack, line["order_id"], "fulfilled") | {"order_id": line["order_id"]}
    assert (line["cancelled_quantity"], line["cancelled_at"]) == (4, None)
    stack.assert_book_is_right()

    rest = await taken_back(stack, item)

    assert (rest["quantity"], rest["units"]) == (6, [1, 2, 3, 4, 5, 10])
    line = await line_once(stack, line["order_id"], "cancelled")
    assert line["cancelled_quantity"] == 10
    assert (await buyer.get(f"/software/{item}")).body["status"] == "cancelled"
    booked = (await buyer.get("/credits")).body["items"]
    assert [one["amount"] for one in booked] == [money(6 * PRICE), money(4 * PRICE)]
    told = [event["data"] for event in (await buyer.get("/events")).body["items"]]
    assert [data["quantity"] for data in told if "credit_id" in data] == [4, 6]
    stack.assert_book_is_right()


async def keys(caller: Caller, item: str) -> dict[str, int]:
    """How many keys of the item are in each state."""
    states = [key["state"] for key in (await caller.get(f"/software/{item}")).body["keys"]]
    return {state: states.count(state) for state in states}


async def test_what_cannot_go_is_refused_with_what_to_do(stack: Stack) -> None:
    line = await bought(stack, 3)
    item, buyer = line["software_id"], stack.caller(BUYER)
    await taken_back(stack, item, units=[2])
    whole = stack.story().buy()
    for form, code in (
        ({"quantity": 3}, "422 quantity_exceeds_remaining"),
        ({"units": [2]}, "422 unit_not_left"),
        ({"units": [4]}, "422 unit_not_left"),
        ({"quantity": 1, "requested_amount": money(PRICE + 1)}, "422 amount_exceeds_credit"),
        ({"software_id": whole.software_id, "quantity": 1}, "409 quantity_not_divisible"),
        ({"quantity": 2, "units": [1]}, "422 invalid_request"),
        ({"units": [1, 1]}, "422 invalid_request"),
        ({"units": []}, "422 invalid_request"),
        ({"quantity": 0}, "422 invalid_request"),
    ):
        asked = await buyer.post("/cancellations", form_of(whole, software_id=item) | form)
        assert asked.code == code, form
    refused = await buyer.post("/cancellations", form_of(whole, software_id=item, quantity=3))
    assert refused.body["remaining"] == 2
    path = f"/software/{item}/cancellation-quote"
    assert (await buyer.get(path, quantity="0")).code == "422 invalid_request"
    quote = (await buyer.get(path, quantity="3", lang="cs")).body
    assert quote["outlook"]["counterfactual"]["changes"] == ["quantity_exceeds_remaining"]
    assert "zbývá 2 z 3" in quote["explanation"]

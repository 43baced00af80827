"""Several approvers over the API: 202 until the last of them agrees, the same answer to a repeat, one verdict."""

from storage.policy import add_policies
from tests.factories import APPROVER, BUYER, OTHER_APPROVER, SEVERAL
from tests.fixtures.stack import Stack, money
from tests.fixtures.terms import two_people

APPROVED = {"verdict": "approved"}


async def test_two_people_approve_one_after_the_other(stack: Stack) -> None:
    with stack.database.transaction() as connection:
        add_policies(connection, [two_people()])
    case = await stack.waiting_case(stack.story(sku=SEVERAL).buy(), BUYER)
    path = f"/tickets/{case['ticket_id']}/decisions"
    assert (case["approvals_needed"], case["approvals"]) == (2, [])

    first = await stack.caller(APPROVER).post(path, APPROVED | {"amount": money(900)}, key="one")
    assert (first.status, first.body["stage"], first.body["number"]) == (202, "approval", 1)
    again = await stack.caller(APPROVER).post(path, APPROVED)
    assert again.code == "409 already_approved"
    waiting = await stack.case(case["id"], "pending_approval")
    assert waiting["approvals"] == [first.body]

    last = await stack.caller(OTHER_APPROVER).post(path, APPROVED, key="two")
    assert (last.status, last.body["verdict"], last.body["amount"]) == (201, "approved", money(900))
    await stack.case(case["id"], "completed")
    for user, key, answer in ((APPROVER, "one", first), (OTHER_APPROVER, "two", last)):
        body = APPROVED | ({"amount": money(900)} if key == "one" else {})
        repeat = await stack.caller(user).post(path, body, key=key)
        assert (repeat.status, repeat.body) == (answer.status, answer.body)
    stack.assert_book_is_right()

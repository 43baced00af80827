"""Tickets over the API: the seed's form as opened, notes and their readers, questions, and decisions settled once."""

import asyncio
from itertools import product
from typing import Any

import pytest
from sqlalchemy import func, select

from models.decision import DecisionRecord
from models.errors import Conflict, Refused
from models.receipt import Receipt
from models.tables.column import table
from models.tables.ticket import TicketNoteRow
from portal.decision import settled
from storage.case import decisions
from tests.factories import APPROVER, BOTH, BUYER
from tests.fixtures.stack import Answer, Stack, money

CAROL, OPERATOR, HELPDESK, STRANGER = (
    "usr_carol_approver",
    "usr_olga_operator",
    "usr_hana_helpdesk",
    "usr_petra_admin",
)
UNSTORABLE = ["a\u0000b", "\u202edesrever", "\uffff", " ", "x" * 4001]
AMOUNTS: list[tuple[dict[str, Any], str]] = [
    (money(205_801), "amount_exceeds_credit"),
    (money(0), "amount_not_positive"),
    (money(-5), "amount_not_positive"),
    (money(100, "USD"), "wrong_currency"),
    ({"amount_minor": 1e300, "currency": "EUR"}, "invalid_request"),
]
MALFORMED: list[dict[str, Any]] = [
    *({"verdict": verdict} for verdict in ("withdrawn", "expired", None)),
    {"verdict": "declined", "amount": money(5)},
    {"decided_by": CAROL},
    *({"note": text} for text in UNSTORABLE),
]
notes = table(TicketNoteRow)


@pytest.fixture
async def case(stack: Stack) -> dict[str, Any]:
    """A cancellation by Alice that waits for its decision."""
    return await stack.waiting_case(stack.story().buy(), BUYER)


async def decide(stack: Stack, case: dict[str, Any], user_id: str, **draft: Any) -> Answer:
    path = f"/tickets/{case['ticket_id']}/decisions"
    return await stack.caller(user_id).post(path, {"verdict": "approved"} | draft)


def count(stack: Stack, rows: Any) -> int:
    with stack.database.reading() as connection:
        found: int = connection.execute(select(func.count()).select_from(rows)).scalar_one()
        return found


async def test_the_ticket_holds_what_the_form_asks(stack: Stack, case: dict[str, Any]) -> None:
    ticket = (await stack.caller(APPROVER).get(f"/tickets/{case['ticket_id']}")).body
    assert ticket["problem_type"] == "csp_purchase_and_refund_on_behalf_of_customers"
    assert (ticket["impact"], ticket["severity"]) == ("minimal", "C")
    assert (ticket["status"], ticket["kind"]) == ("waiting_for_approval", "cancellation")
    assert ticket["requested_amount"] == case["requested_amount"]
    assert ticket["contact"]["email"] == "alena@vltava-cloud.example"
    for part in (ticket["customer_tenant"], case["order_id"], "2,058.00 EUR", "Bought twice."):
        assert part in ticket["description"]
    (listed,) = (await stack.caller(BUYER).get("/tickets", kind="cancellation")).body["items"]
    assert listed["number"] == ticket["number"]
    assert (await stack.caller(STRANGER).get("/tickets")).body["items"] == []
    theirs = await stack.caller(STRANGER).get(f"/tickets/{case['ticket_id']}")
    assert theirs.code == "404 not_found"


async def test_nobody_decides_their_own_request(stack: Stack) -> None:
    """Dana holds both roles; that must not help her."""
    case = await stack.waiting_case(stack.story().buy(), BOTH)
    for verdict in ("approved", "declined"):
        assert (await decide(stack, case, BOTH, verdict=verdict)).code == "403 own_request"
    assert count(stack, decisions) == 0
    assert (await decide(stack, case, APPROVER)).status == 201


async def test_other_roles_do_not_decide(stack: Stack, case: dict[str, Any]) -> None:
    for user_id in (BUYER, "usr_sam_sales", HELPDESK, OPERATOR, "usr_greta_global"):
        assert (await decide(stack, case, user_id)).code == "403 forbidden", user_id
    assert count(stack, decisions) == 0


async def test_the_second_decision_is_told_the_first(stack: Stack, case: dict[str, Any]) -> None:
    first = await decide(stack, case, APPROVER, verdict="declined", note="Out of policy.")
    assert (first.body["verdict"], first.body["decided_by"]) == ("declined", APPROVER)
    assert (first.body["note"], first.body["automatic"]) == ("Out of policy.", False)
    await stack.case(case["id"], "declined")
    second = await decide(stack, case, CAROL)
    assert second.code == "409 already_decided"
    assert (second.body["verdict"], second.body["decided_by"]) == ("declined", APPROVER)
    stack.assert_book_is_right()


async def test_after_the_close_the_case_is_decided(stack: Stack, case: dict[str, Any]) -> None:
    assert (await decide(stack, case, APPROVER)).status == 201
    await stack.case(case["id"], "completed")
    for user_id in (APPROVER, CAROL):
        late = await decide(stack, case, user_id, verdict="declined")
        assert (late.code, late.body["verdict"]) == ("409 already_decided", "approved")


async def test_a_repeated_decision_answers_as_before(stack: Stack, case: dict[str, Any]) -> None:
    path, body = f"/tickets/{case['ticket_id']}/decisions", {"verdict": "approved"}
    caller = stack.caller(APPROVER)
    first = await caller.post(path, body, key="same")
    at_once = await caller.post(path, body, key="same")
    await stack.case(case["id"], "completed")
    much_later = await caller.post(path, body, key="same")
    assert first.body == at_once.body == much_later.body
    reused = await caller.post(path, {"verdict": "declined"}, key="same")
    assert reused.code == "422 idempotency_key_reused"


async def test_a_repeat_is_answered_by_the_book_once_the_engine_has_forgotten(stack: Stack) -> None:
    """Temporal keeps a closed case only for its retention; this one it never knew."""
    story = stack.story().buy().request().decide()
    with stack.database.reading() as connection:
        decision_id = connection.execute(select(decisions.c.id)).scalar_one()

    async def forgotten() -> DecisionRecord:
        raise Refused("case_closed", "The case is closed.")

    for receipt_id in (decision_id, "dec_another"):
        receipt = Receipt(resource_id=receipt_id, received_at=story.at)
        attempt = settled(stack.database, story.cancellation_id, receipt, forgotten())
        if receipt_id == decision_id:
            assert (await attempt).id == decision_id
            continue
        with pytest.raises(Conflict, match="it is approved"):
            await attempt


async def test_of_two_approvers_at_once_one_wins(stack: Stack, case: dict[str, Any]) -> None:
    answers = await asyncio.gather(
        decide(stack, case, APPROVER),
        decide(stack, case, CAROL, verdict="declined"),
        decide(stack, case, BOTH),
        stack.caller(BUYER).post(f"/cancellations/{case['id']}/withdrawal"),
    )
    (winner,) = (answer for answer in answers if answer.status == 201)
    losers = [answer for answer in answers if answer.status != 201]
    assert {loser.code for loser in losers} == {"409 already_decided"}
    assert {loser.body["verdict"] for loser in losers} == {winner.body["verdict"]}
    assert count(stack, decisions) == 1


async def test_no_more_is_granted_than_was_asked(stack: Stack, case: dict[str, Any]) -> None:
    for amount, code in AMOUNTS:
        assert (await decide(stack, case, APPROVER, amount=amount)).code == f"422 {code}", amount
    assert count(stack, decisions) == 0


async def test_less_is_granted_and_credited(stack: Stack, case: dict[str, Any]) -> None:
    assert (await decide(stack, case, APPROVER, amount=money(5))).body["amount"] == money(5)
    done = await stack.case(case["id"], "completed")
    credit = (await stack.caller(BUYER).get(f"/credits/{done['credit_id']}")).body
    assert credit["amount"] == money(5)


async def test_a_malformed_decision_settles_nothing(stack: Stack, case: dict[str, Any]) -> None:
    for draft in MALFORMED:
        answer = await decide(stack, case, APPROVER, **draft)
        assert answer.code == "422 invalid_request", draft
    assert count(stack, decisions) == 0


async def test_a_question_and_its_answer(stack: Stack, case: dict[str, Any]) -> None:
    ticket = f"/tickets/{case['ticket_id']}"
    early = await stack.caller(BUYER).post(f"{ticket}/answers", {"text": "What was it?"})
    assert early.code == "409 no_question_open"
    assert (await stack.caller(BUYER).get(ticket)).body["notes"] == []
    asked = await stack.caller(APPROVER).post(f"{ticket}/questions", {"text": "Which edition?"})
    assert (asked.status, asked.body["author_id"]) == (201, APPROVER)
    status = (await stack.caller(BUYER).get(ticket)).body["status"]
    assert status == "waiting_for_requester"
    answered = await stack.caller(BUYER).post(f"{ticket}/answers", {"text": "Standard. 🙂"})
    assert answered.status == 201
    read = (await stack.caller(BUYER).get(ticket)).body
    assert read["status"] == "waiting_for_approval"
    assert "Standard. 🙂" in [note["text"] for note in read["notes"]]
    assert (await decide(stack, case, APPROVER)).status == 201


async def test_the_requester_does_not_question_their_own_request(stack: Stack) -> None:
    case = await stack.waiting_case(stack.story().buy(), BOTH)
    path = f"/tickets/{case['ticket_id']}/questions"
    refused = await stack.caller(BOTH).post(path, {"text": "Why?"})
    assert refused.code == "403 own_request"
    assert (await stack.caller(BOTH).get(path.removesuffix("/questions"))).body["notes"] == []


async def test_internal_notes_stay_in_the_house(stack: Stack, case: dict[str, Any]) -> None:
    ticket = f"/tickets/{case['ticket_id']}"
    internal = {"text": "Third one this week.", "audience": "internal"}
    assert (await stack.caller(OPERATOR).post(f"{ticket}/notes", internal)).status == 201
    assert (await stack.caller(HELPDESK).post(f"{ticket}/notes", {"text": "Hello."})).status == 201
    for outsider in (HELPDESK, BOTH):
        refused = await stack.caller(outsider).post(f"{ticket}/notes", internal)
        assert refused.code == "403 forbidden", outsider
    for user_id, seen in ((BUYER, 1), (BOTH, 1), (APPROVER, 2)):
        read = (await stack.caller(user_id).get(ticket)).body
        assert len(read["notes"]) == seen, user_id


async def test_a_note_is_written_once_per_request(stack: Stack, case: dict[str, Any]) -> None:
    path = f"/tickets/{case['ticket_id']}/notes"
    for _ in range(2):
        assert (await stack.caller(BUYER).post(path, {"text": "Hi."}, key="same")).status == 201
    assert count(stack, notes) == 1
    stranger = await stack.caller(STRANGER).post(path, {"text": "Hi."})
    assert stranger.code == "404 not_found"


async def test_text_that_cannot_be_kept_is_refused(stack: Stack, case: dict[str, Any]) -> None:
    for door, text in product(("notes", "questions", "answers"), [*UNSTORABLE, None, 5]):
        author = stack.caller(APPROVER if door == "questions" else BUYER)
        refused = await author.post(f"/tickets/{case['ticket_id']}/{door}", {"text": text})
        assert refused.code == "422 invalid_request", (door, text)
    assert count(stack, notes) == 0

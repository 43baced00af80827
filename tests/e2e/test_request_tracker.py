"""Cases at a real Request Tracker: asked and decided there, noted on both sides, and never waiting for it."""

from typing import Any

import pytest

from integrations.ticket_desk.request_tracker import DESK
from tests.factories import APPROVER, BOTH, BUYER, OTHER_APPROVER, SEVERAL, UNDOABLE
from tests.fixtures.bridge import Bridge

pytestmark = pytest.mark.rt

KEY = "ABCDE-FGHIJ-KLMNO-PQRST-UVWXY"


async def test_a_case_approved_in_request_tracker_is_credited_and_closed_there(
    bridge: Bridge,
) -> None:
    story = bridge.stack.story().buy()
    case = await bridge.case(story)
    said = await bridge.act("bob", case["rt"], Status="resolved")
    assert "unresolved dependencies" in " ".join(said), "the approval really blocks the ticket"

    await bridge.say("bob", case["approval"], "correspond", "Bought twice indeed.")
    await bridge.act("bob", case["approval"], Status="resolved")

    await bridge.stack.case(case["id"], "completed")
    await bridge.status(case["rt"], "resolved")
    assert bridge.decision(case["id"]) == (APPROVER, "Bought twice indeed.")
    shown = await bridge.closed(case["ticket_id"])
    assert shown["outside_ticket"] == {
        "desk": DESK,
        "number": case["rt"],
        "link": f"{bridge.tracker.url}/Ticket/Display.html?id={case['rt']}",
        "closed": True,
        "last_error": None,
    }
    bridge.stack.assert_book_is_right()


async def test_a_case_declined_in_request_tracker_is_declined(bridge: Bridge) -> None:
    case = await bridge.case(bridge.stack.story().buy())
    await bridge.say("carol", case["approval"], "correspond", "Not without a reason.")
    await bridge.act("carol", case["approval"], Status="rejected")
    await bridge.stack.case(case["id"], "declined")
    assert bridge.decision(case["id"]) == (OTHER_APPROVER, "Not without a reason.")
    await bridge.status(case["rt"], "rejected")
    bridge.stack.assert_book_is_right()


async def test_whoever_asked_may_not_approve_in_request_tracker_either(bridge: Bridge) -> None:
    story = bridge.stack.story().buy()
    case = await bridge.stack.waiting_case(story, BOTH)
    number = await bridge.number(case["ticket_id"])
    await bridge.act("dana", await bridge.approval(case["ticket_id"]), Status="resolved")

    await bridge.heard(number, "Whoever asked for a cancellation may not decide it.")
    again = await bridge.approval(case["ticket_id"], 2)
    said = await bridge.act("dana", number, Status="resolved")
    assert "unresolved dependencies" in " ".join(said), "it waits for somebody else"
    await bridge.act("bob", again, Status="resolved")
    await bridge.stack.case(case["id"], "completed")
    assert bridge.decision(case["id"]) == (APPROVER, None)


@pytest.mark.parametrize(
    ("who", "why"),
    [("stranger", "stranger is nobody at Keydesk."), ("olga", "Your role does not allow this")],
)
async def test_nobody_without_a_role_of_ours_decides(bridge: Bridge, who: str, why: str) -> None:
    case = await bridge.case(bridge.stack.story().buy())
    await bridge.act(who, case["approval"], Status="rejected")
    await bridge.heard(case["rt"], why)
    await bridge.approval(case["ticket_id"], 2)
    await bridge.status(case["rt"], "open")
    await bridge.stack.case(case["id"], "pending_approval")
    assert bridge.decision(case["id"]) is None


async def test_two_people_agree_one_after_the_other(bridge: Bridge) -> None:
    case = await bridge.case(bridge.stack.story(sku=SEVERAL, quantity=1).buy())
    await bridge.act("bob", case["approval"], Status="resolved")
    second = await bridge.approval(case["ticket_id"], 2)
    await bridge.act("bob", second, Status="resolved")
    await bridge.heard(case["rt"], "You approved this case already; it takes another person.")
    await bridge.act("carol", await bridge.approval(case["ticket_id"], 3), Status="resolved")
    await bridge.stack.case(case["id"], "completed")
    await bridge.status(case["rt"], "resolved")
    bridge.stack.assert_book_is_right()


async def test_an_approval_taken_back_here_is_asked_for_again_there(bridge: Bridge) -> None:
    case = await bridge.case(bridge.stack.story(sku=UNDOABLE, quantity=1).buy())
    await bridge.act("bob", case["approval"], Status="resolved")
    await bridge.stack.case(case["id"], "approved")
    with bridge.stack.database.reading() as connection:
        decision_id = connection.exec_driver_sql("SELECT id FROM decisions").scalar_one()
    path = f"/tickets/{case['ticket_id']}/decisions/{decision_id}/undo"
    assert (await bridge.stack.caller(APPROVER).post(path)).status == 201

    second = await bridge.approval(case["ticket_id"], 2)
    said = await bridge.act("carol", case["rt"], Status="resolved")
    assert "unresolved dependencies" in " ".join(said)
    await bridge.act("carol", second, Status="rejected")
    await bridge.stack.case(case["id"], "declined")
    await bridge.status(case["rt"], "rejected")
    bridge.stack.assert_book_is_right()


async def test_a_case_decided_here_is_closed_there(bridge: Bridge) -> None:
    case = await bridge.case(bridge.stack.story().buy())
    decided = {"verdict": "declined", "note": "Called the customer: they keep it."}
    path = f"/tickets/{case['ticket_id']}/decisions"
    assert (await bridge.stack.caller(APPROVER).post(path, decided)).status == 201
    await bridge.status(case["approval"], "rejected")
    await bridge.status(case["rt"], "rejected")
    await bridge.heard(case["rt"], "Called the customer: they keep it.")


async def test_notes_travel_both_ways_once_and_each_to_its_own_readers(bridge: Bridge) -> None:
    case = await bridge.case(bridge.stack.story().buy())
    path = f"/tickets/{case['ticket_id']}/notes"
    for audience, words in (("partner", "Ours to the partner"), ("internal", "Ours among us")):
        note = {"audience": audience, "text": words}
        assert (await bridge.stack.caller(APPROVER).post(path, note)).status == 201
    await bridge.say("bob", case["rt"], "comment", "Theirs among us")
    await bridge.say("bob", case["rt"], "correspond", "Theirs to the partner")

    theirs = await bridge.noted(case["ticket_id"], "Theirs among us")
    assert (theirs["audience"], theirs["author_id"]) == ("internal", APPROVER)
    theirs = await bridge.noted(case["ticket_id"], "Theirs to the partner")
    assert (theirs["audience"], theirs["author_id"]) == ("partner", APPROVER)
    await bridge.heard(case["rt"], "Ours to the partner")
    await bridge.heard(case["rt"], "Ours among us")

    decided = {"verdict": "approved"}
    path = f"/tickets/{case['ticket_id']}/decisions"
    assert (await bridge.stack.caller(APPROVER).post(path, decided)).status == 201
    await bridge.status(case["rt"], "resolved")
    said = "\n".join(await bridge.words(case["rt"]))
    for words in ("Ours to the partner", "Theirs among us", "Theirs to the partner"):
        assert said.count(words) == 1, "nothing came back as an echo"
    assert len((await bridge.shown(case["ticket_id"]))["notes"]) == 4


async def test_no_secret_and_no_contact_reaches_request_tracker(bridge: Bridge) -> None:
    story = bridge.stack.story().buy()
    contact = {"name": "Kanárek Zpěvný", "email": "kanarek@ptaci.example", "phone": "+420777045199"}
    case = await bridge.case(story, contact=contact, reason=f"It does not take {KEY}.")
    await bridge.act("bob", case["approval"], Status="resolved")
    await bridge.status(case["rt"], "resolved")
    database = (bridge.tracker.place / "rt.db").read_bytes()
    for secret in (KEY, *contact.values()):
        assert secret.encode() not in database
    assert b"It does not take [product key]." in database


async def test_request_tracker_being_away_delays_nothing_but_itself(bridge: Bridge) -> None:
    before = await bridge.case(bridge.stack.story().buy())
    bridge.tracker.stop()
    try:
        path = f"/tickets/{before['ticket_id']}/decisions"
        asked = await bridge.stack.caller(APPROVER).post(path, {"verdict": "approved"})
        assert asked.status == 201
        await bridge.stack.case(before["id"], "completed")
        during = await bridge.stack.waiting_case(bridge.stack.story().buy(), BUYER)

        async def behind() -> Any:
            outside = (await bridge.shown(during["ticket_id"]))["outside_ticket"]
            return outside["last_error"] if outside else None

        assert await bridge.stack.wait(behind) == "Request Tracker does not answer."
        bridge.stack.assert_book_is_right()
    finally:
        bridge.tracker.start()
    await bridge.status(before["rt"], "resolved")
    number = await bridge.number(during["ticket_id"])
    await bridge.act("bob", await bridge.approval(during["ticket_id"]), Status="resolved")
    await bridge.stack.case(during["id"], "completed")
    await bridge.status(number, "resolved")
    assert (await bridge.closed(during["ticket_id"]))["outside_ticket"]["last_error"] is None

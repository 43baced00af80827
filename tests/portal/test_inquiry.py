"""Inquiries over the API: who opens them, whose they are, the talk about them, and how they end."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, func, select

from models.tables.column import table
from models.tables.record import OutboxRow
from models.tables.ticket import TicketNoteRow
from rules.ticket import REOPEN_WITHIN
from storage.case import tickets
from storage.verify import verify
from tests.factories import (
    APPROVER,
    BOTH,
    BUYER,
    CONTACT,
    CUSTOMER,
    GLOBAL_ADMIN,
    OPERATOR,
    OTHER_BUYER,
    OTHER_CUSTOMER,
    OTHER_PARTNER,
    PARTNER,
    Story,
)
from tests.fixtures.portal import Portal

HELPDESK, SALES = "usr_hana_helpdesk", "usr_sam_sales"
KEY = "A1B2C-D3E4F-G5H6J-K7L8M-N9P0Q"
outbox, notes = table(OutboxRow), table(TicketNoteRow)


def form(**changes: Any) -> dict[str, Any]:
    """An inquiry about nothing in particular."""
    return {
        "problem_type": "billing",
        "title": "A credit is missing",
        "description": "It is not on the statement.",
        "contact": CONTACT.model_dump(),
    } | changes


async def opened(portal: Portal, user: str = BUYER, **changes: Any) -> dict[str, Any]:
    answer = await portal.post("/api/v1/tickets", form(**changes), user)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def say(
    portal: Portal, ticket: dict[str, Any], verb: str, user: str, text: str = "…a"
) -> str:
    answer = await portal.post(f"/api/v1/tickets/{ticket['id']}/{verb}", {"text": text}, user)
    return _code(answer)


async def read(portal: Portal, ticket: dict[str, Any], user: str = BUYER) -> dict[str, Any]:
    found: dict[str, Any] = (await portal.get(f"/api/v1/tickets/{ticket['id']}", user)).json()
    return found


def _code(answer: Any) -> str:
    """The status, with the problem's code if it is one."""
    body = answer.json()
    return f"{answer.status_code} {body['code']}" if "code" in body else str(answer.status_code)


def mails(portal: Portal) -> dict[str, list[str]]:
    """Who was told, by kind of notice."""
    found: dict[str, list[str]] = {}
    with portal.state.database.reading() as connection:
        for row in connection.execute(select(outbox).order_by(outbox.c.sequence)):
            found.setdefault(row.kind, []).append(row.recipient_id)
    return found


def count(portal: Portal, rows: Table) -> int:
    with portal.state.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(rows)).scalar_one()


def assert_book_is_right(portal: Portal) -> None:
    report = verify(portal.state.database, datetime.now(UTC))
    assert [(f.code, f.rows) for f in report.breaches] == []


async def test_an_inquiry_runs_from_its_opening_to_its_resolution(portal: Portal) -> None:
    ticket = await opened(portal, customer_id=CUSTOMER, impact="critical")
    assert (ticket["kind"], ticket["status"], ticket["severity"]) == ("inquiry", "open", "A")
    assert (ticket["opened_by"], ticket["partner_id"]) == (BUYER, PARTNER)
    assert (ticket["order_id"], ticket["response"]) == (None, "due")

    assert await say(portal, ticket, "answers", BUYER) == "409 no_question_open"
    assert await say(portal, ticket, "questions", OPERATOR) == "201"
    asked = await read(portal, ticket)
    assert (asked["status"], asked["response"]) == ("waiting_for_requester", "met")
    assert asked["first_response_by"] == OPERATOR
    assert await say(portal, ticket, "answers", HELPDESK) == "201"
    assert (await read(portal, ticket))["status"] == "open"

    assert await say(portal, ticket, "resolution", OPERATOR) == "201"
    done = await read(portal, ticket)
    assert done["status"] == "resolved"
    assert _instant(done["closes_at"]) - _instant(done["resolved_at"]) == REOPEN_WITHIN
    assert [note["author_id"] for note in done["notes"]] == [OPERATOR, HELPDESK, OPERATOR]
    assert mails(portal) == {
        "inquiry_opened": [OPERATOR],
        "inquiry_asked": [BUYER],
        "inquiry_answered": [OPERATOR],
        "inquiry_resolved": [BUYER],
    }
    assert_book_is_right(portal)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_resolved_inquiry_is_reopened_in_time_and_closes_otherwise(portal: Portal) -> None:
    desk = portal.state.desk.inquiries
    ticket = await opened(portal)
    assert await say(portal, ticket, "reopening", BUYER) == "409 ticket_not_resolved"
    assert await say(portal, ticket, "resolution", BUYER) == "201"
    for verb, user in (("resolution", OPERATOR), ("questions", OPERATOR), ("answers", BUYER)):
        assert await say(portal, ticket, verb, user) == "409 ticket_resolved", verb
    assert await say(portal, ticket, "reopening", BUYER) == "201"
    await desk.look_after(datetime.now(UTC) + 2 * REOPEN_WITHIN)
    assert (await read(portal, ticket))["status"] == "open"

    assert await say(portal, ticket, "resolution", OPERATOR) == "201"
    await desk.look_after(datetime.now(UTC) + REOPEN_WITHIN - timedelta(minutes=1))
    assert (await read(portal, ticket))["status"] == "resolved"
    await desk.look_after(datetime.now(UTC) + REOPEN_WITHIN)
    assert (await read(portal, ticket))["status"] == "closed"
    for verb, user in (("reopening", BUYER), ("resolution", OPERATOR), ("questions", OPERATOR)):
        assert await say(portal, ticket, verb, user) == "409 ticket_closed", verb
    assert_book_is_right(portal)


async def test_nobody_reopens_what_is_about_to_be_closed(portal: Portal) -> None:
    """The relay may come late; the promise ends on time all the same."""
    ticket = await opened(portal)
    assert await say(portal, ticket, "resolution", OPERATOR) == "201"
    with portal.state.database.transaction() as connection:
        long_ago = datetime.now(UTC) - REOPEN_WITHIN - timedelta(days=1)
        connection.execute(
            tickets.update().values(resolved_at=long_ago, closes_at=long_ago + REOPEN_WITHIN)
        )

    assert await say(portal, ticket, "reopening", BUYER) == "409 ticket_closed"


NOT_THEIRS: list[tuple[str, dict[str, str], str]] = [
    (BUYER, {"customer_id": OTHER_CUSTOMER}, "404 not_found"),
    (BUYER, {"customer_id": "cus_none"}, "404 not_found"),
    (BUYER, {"order_id": "foreign"}, "404 not_found"),
    (BUYER, {"order_id": "ord_none"}, "404 not_found"),
    (BUYER, {"partner_id": OTHER_PARTNER}, "404 not_found"),
    (BUYER, {"order_id": "own", "customer_id": OTHER_CUSTOMER}, "422 parties_disagree"),
    (BUYER, {"order_id": "own", "partner_id": OTHER_PARTNER}, "422 parties_disagree"),
    (OPERATOR, {"customer_id": CUSTOMER, "partner_id": OTHER_PARTNER}, "422 parties_disagree"),
    (OPERATOR, {}, "422 partner_missing"),
    (OPERATOR, {"partner_id": "par_none"}, "404 not_found"),
    (GLOBAL_ADMIN, {"customer_id": CUSTOMER}, "403 forbidden"),
    ("usr_ivan_integrator", {}, "403 forbidden"),
]


async def test_nobody_opens_one_about_what_is_not_theirs(portal: Portal) -> None:
    orders = {
        "own": Story(portal.state.database).place().order_id,
        "foreign": Story(portal.state.database).place(OTHER_BUYER, OTHER_CUSTOMER).order_id,
    }
    for user, named, code in NOT_THEIRS:
        about = {name: orders.get(value, value) for name, value in named.items()}
        answer = await portal.post("/api/v1/tickets", form(**about), user)
        assert _code(answer) == code, (user, named)
    assert count(portal, tickets) == 0


async def test_an_order_says_whose_the_inquiry_is(portal: Portal) -> None:
    story = Story(portal.state.database).place()
    for user in (SALES, BOTH, OPERATOR, APPROVER):
        ticket = await opened(portal, user, order_id=story.order_id)
        assert (ticket["partner_id"], ticket["customer_id"]) == (PARTNER, CUSTOMER)
        assert ticket["order_number"] is not None
    assert_book_is_right(portal)


MALFORMED: list[dict[str, Any]] = [
    {"problem_type": "csp_purchase_and_refund_on_behalf_of_customers"},
    {"problem_type": "product_key_stock"},
    {"problem_type": "poetry"},
    {"impact": "urgent"},
    {"title": ""},
    {"title": "x" * 201},
    {"title": f"{KEY} does not work"},
    {"description": f"The key is {KEY.lower()}."},
    {"description": None},
    {"contact": None},
    {"opened_by": APPROVER},
    {"closed_at": "2026-01-01T00:00:00Z"},
]


async def test_a_form_that_cannot_be_taken_is_refused(portal: Portal) -> None:
    for changes in MALFORMED:
        answer = await portal.post("/api/v1/tickets", form(**changes))
        assert _code(answer) == "422 invalid_request", changes
        assert KEY not in answer.text
    assert count(portal, tickets) == 0


async def test_notes_quote_no_product_keys(portal: Portal) -> None:
    ticket = await opened(portal)
    for verb in ("notes", "questions", "resolution", "reopening"):
        assert await say(portal, ticket, verb, OPERATOR, f"Try {KEY}.") == "422 invalid_request"
    assert await say(portal, ticket, "answers", BUYER, KEY) == "422 invalid_request"


async def test_others_do_not_see_it(portal: Portal) -> None:
    ticket = await opened(portal)
    assert (
        _code(await portal.get(f"/api/v1/tickets/{ticket['id']}", OTHER_BUYER)) == "404 not_found"
    )
    for verb in ("notes", "answers", "resolution", "reopening"):
        assert await say(portal, ticket, verb, OTHER_BUYER) == "404 not_found", verb
    for verb in ("notes", "questions", "answers", "resolution", "reopening", "assignment"):
        assert await say(portal, ticket, verb, GLOBAL_ADMIN) == "403 forbidden", verb
    assert await say(portal, ticket, "questions", BUYER) == "403 forbidden"


async def test_who_opened_it_is_asked_by_others_and_answers_themselves(portal: Portal) -> None:
    """House staff may open one for a partner who called; then they are the requester."""
    ticket = await opened(portal, OPERATOR, customer_id=CUSTOMER)
    assert await say(portal, ticket, "questions", OPERATOR) == "403 own_request"
    assert await say(portal, ticket, "notes", OPERATOR) == "201"
    assert (await read(portal, ticket))["response"] == "due", "nobody answers their own question"
    assert await say(portal, ticket, "questions", APPROVER) == "201"
    assert await say(portal, ticket, "answers", APPROVER) == "403 forbidden"
    assert await say(portal, ticket, "answers", OPERATOR) == "201"
    assert (await read(portal, ticket))["first_response_by"] == APPROVER


async def test_an_inquiry_is_not_decided_and_a_case_not_resolved(portal: Portal) -> None:
    inquiry = await opened(portal)
    decided = await portal.post(
        f"/api/v1/tickets/{inquiry['id']}/decisions", {"verdict": "approved"}, APPROVER
    )
    assert _code(decided) == "409 not_a_cancellation"
    Story(portal.state.database).buy().request()
    (case,) = (await portal.get("/api/v1/tickets", kind="cancellation")).json()["items"]
    for verb in ("resolution", "reopening"):
        assert await say(portal, case, verb, OPERATOR) == "409 not_an_inquiry"


async def test_a_repeated_request_is_done_once(portal: Portal) -> None:
    first, again = [
        (await portal.post("/api/v1/tickets", form(), key="open")).json() for _ in range(2)
    ]
    assert first == again
    for verb in ("resolution", "reopening"):
        path, body = f"/api/v1/tickets/{first['id']}/{verb}", {"text": "As said."}
        answers = [await portal.post(path, body, key=verb) for _ in range(2)]
        assert answers[0].json() == answers[1].json(), verb
    assert (count(portal, tickets), count(portal, notes)) == (1, 2)
    refused = await portal.post("/api/v1/tickets", form(customer_id="cus_none"), key="late")
    assert _code(refused) == "404 not_found"
    assert (await portal.post("/api/v1/tickets", form(), key="late")).status_code == 201


async def test_what_nobody_answers_is_escalated_once(portal: Portal) -> None:
    ticket, answered = await opened(portal, impact="critical"), await opened(portal)
    assert await say(portal, answered, "notes", OPERATOR) == "201"
    desk, due = portal.state.desk.inquiries, _instant(ticket["respond_by"])
    await desk.look_after(due)
    assert (await read(portal, ticket))["escalated_at"] is None
    for seconds in (1, 2):
        await desk.look_after(due + timedelta(seconds=seconds) + timedelta(days=1))
    assert (await read(portal, ticket))["escalated_at"] is not None
    assert mails(portal)["inquiry_overdue"] == [OPERATOR]
    listed = (await portal.get("/api/v1/tickets", OPERATOR, worklist="escalated")).json()["items"]
    assert [found["id"] for found in listed] == [ticket["id"]]

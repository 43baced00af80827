"""Deciding in a browser: from the link in a mail or from the ticket, once, and never by opening anything."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models.tables.column import table
from models.tables.invitation import InvitationUseRow
from models.tables.record import OutboxRow
from rules.invitation import LIFETIME
from storage.decision import attempts
from storage.invitation import invitation_token
from storage.policy import add_policies
from tests.factories import APPROVER, BOTH, BUYER, OPERATOR, OTHER_APPROVER, UNDOABLE, Story
from tests.fixtures.browser import browsing, location
from tests.fixtures.portal import Portal
from tests.fixtures.ring import CIPHER
from tests.fixtures.stack import Stack
from tests.fixtures.terms import undoable

HERE = "https://127.0.0.1:8000"
_mails, _uses = table(OutboxRow), table(InvitationUseRow)


class Desk:
    """A case that waits, and the links that its mails carry."""

    def __init__(self, stack: Stack, story: Story, case: dict[str, Any]) -> None:
        self.stack = stack
        self.story = story
        self.case = case
        self.page = f"/tickets/{case['ticket_id']}/decision"

    def link(self, reader: str = APPROVER, kind: str = "approval_needed") -> str:
        """Where the mail to this reader leads."""
        asked = (_mails.c.recipient_id == reader) & (_mails.c.kind == kind)
        with self.stack.database.reading() as connection:
            notice_id = connection.execute(select(_mails.c.id).where(asked)).scalar_one()
            return f"/decide/{invitation_token(connection, notice_id, CIPHER)}"

    def nothing_happened(self) -> bool:
        """No attempt was noted and no invitation used."""
        with self.stack.database.reading() as connection:
            return not any(connection.execute(select(rows)).first() for rows in (attempts, _uses))


UNDO = {"action": "undo", "key": "back", "revision": "0"}


@pytest.fixture
async def desk(stack: Stack) -> Desk:
    story = stack.story().buy()
    return Desk(stack, story, await stack.waiting_case(story, BUYER))


def form(page: Any, action: str, **fields: str) -> dict[str, str]:
    """The fields of a form as the page has them, filled in."""
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    assert set(hidden) == {"key", "revision"}, page.text
    return hidden | {"action": action} | fields


async def test_from_the_mail_over_the_sign_in_to_the_decision(desk: Desk) -> None:
    link = desk.link()
    async with browsing(desk.stack.portal, base_url=HERE) as browser:
        asked = await browser.get(link)
        assert location(asked) == f"/sign-in?next={link}"
        signed = await browser.send(f"/sign-in/development?next={link}", {"user_id": APPROVER})
        assert location(signed) == link

        page = await browser.get(link)
        assert page.status_code == 200
        for fact in ("Bought twice.", "In time", "Key and downloads", "Alice Adamová"):
            assert fact in page.text, fact
        done = await browser.send(link, form(page, "approve", amount="100,50", note="Fine."))

        assert location(done) == desk.page
        outcome = await browser.get(desk.page)
        assert "This case was approved." in outcome.text
        for fact in ("Bob Beránek", "100.50 EUR", "Fine."):
            assert fact in outcome.text.partition("What is asked for")[0], fact
        assert 'type="hidden"' not in outcome.text
        again = await browser.get(link)
        assert (again.status_code, "This link was used already" in again.text) == (410, True)
    settled = await desk.stack.case(desk.case["id"], "completed")
    credit = await desk.stack.caller(APPROVER).get(f"/credits/{settled['credit_id']}")
    assert credit.body["amount"]["amount_minor"] == 10_050
    desk.stack.assert_book_is_right()


async def test_a_scanner_changes_nothing_and_burns_nothing(desk: Desk) -> None:
    link = desk.link()
    async with browsing(desk.stack.portal, base_url=HERE) as robot:
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
            for fields in ({}, {"action": "approve", "key": "k", "revision": "1"}):
                answer = await robot.http.request(method, link, data=fields)
                assert answer.status_code in (303, 405)
                assert "Bought twice." not in answer.text
    assert desk.nothing_happened()
    async with browsing(desk.stack.portal, APPROVER, base_url=HERE) as browser:
        for _ in range(3):
            assert (await browser.get(link)).status_code == 200
    assert desk.nothing_happened()


async def test_a_mail_decides_nothing_for_anybody_else(desk: Desk) -> None:
    link = desk.link()
    async with browsing(desk.stack.portal, base_url=HERE) as browser:
        for stranger in (OTHER_APPROVER, BOTH, OPERATOR):
            await browser.sign_in(stranger)
            page = await browser.get(link)
            assert (page.status_code, "This mail was for somebody else" in page.text) == (
                403,
                True,
            )
            assert f'href="{desk.page}"' in page.text
            fields = {"action": "decline", "key": "k", "revision": "1", "reason_code": "other"}
            assert (await browser.send(link, fields)).status_code == 403
        for powerless in (BUYER, "usr_sam_sales"):
            await browser.sign_in(powerless)
            assert (await browser.get(link)).status_code == 403
            assert (await browser.get(desk.page)).status_code == 403
    assert desk.nothing_happened()


async def test_a_case_that_moved_on_is_not_decided_by_an_old_mail(desk: Desk) -> None:
    link = desk.link()
    async with browsing(desk.stack.portal, APPROVER, base_url=HERE) as browser:
        page = await browser.get(link)
        desk.story.at = desk.stack.clock()
        desk.story.reveal()
        late = await browser.send(link, form(page, "approve"))
        assert late.status_code == 412
        for stale in (late, await browser.get(link)):
            assert "The case has moved on since that mail" in stale.text
            assert "was shown" in stale.text or "revealed" in stale.text, stale.text
        assert desk.nothing_happened()

        fresh = await browser.get(desk.page)
        done = await browser.send(
            desk.page, form(fresh, "decline", reason_code="other", note="No.")
        )
        assert location(done) == desk.page
        assert "This case was declined." in (await browser.get(desk.page)).text


async def test_a_view_of_the_ticket_that_is_old_decides_nothing(desk: Desk) -> None:
    async with browsing(desk.stack.portal, APPROVER, base_url=HERE) as browser:
        page = await browser.get(desk.page)
        desk.story.at = desk.stack.clock()
        desk.story.reveal()
        late = await browser.send(desk.page, form(page, "approve"))
        assert late.status_code == 412
        assert "Nothing was decided" in late.text
        assert "Error:" in late.text.partition("</title>")[0]
        again = await browser.send(desk.page, form(late, "approve"))
        assert location(again) == desk.page


async def test_a_link_expires(desk: Desk) -> None:
    link = desk.link()
    desk.stack.clock.stopped_at = desk.stack.clock() + LIFETIME + timedelta(minutes=1)
    async with browsing(desk.stack.portal, APPROVER, base_url=HERE) as browser:
        page = await browser.get(link)
        assert (page.status_code, "This link has expired" in page.text) == (410, True)
        assert (await browser.get(desk.page)).status_code == 200


async def test_a_form_sent_twice_is_one_decision(desk: Desk) -> None:
    link = desk.link()
    async with browsing(desk.stack.portal, APPROVER, base_url=HERE) as browser:
        fields = form(await browser.get(link), "approve")
        assert location(await browser.send(link, fields)) == desk.page
        assert (await browser.send(link, fields)).status_code == 410
    with desk.stack.database.reading() as connection:
        assert len(connection.execute(select(attempts)).all()) == 1


async def test_a_question_is_asked_and_the_link_is_then_of_the_past(desk: Desk) -> None:
    link = desk.link()
    async with browsing(desk.stack.portal, APPROVER, base_url=HERE) as browser:
        page = await browser.get(link)
        empty = await browser.send(link, form(page, "ask", text=""))
        assert (empty.status_code, "Write what you want to know." in empty.text) == (422, True)
        asked = await browser.send(link, form(page, "ask", text="Which one is <b>wrong</b>?"))
        assert location(asked) == desk.page
        shown = (await browser.get(desk.page)).text
        assert "Which one is &lt;b&gt;wrong&lt;/b&gt;?" in shown
        assert "The requester was asked a question" in shown
        assert (await browser.get(link)).status_code == 412


WRONG = [
    ({"action": "approve", "amount": "a lot"}, "Write the amount as a number"),
    ({"action": "approve", "amount": "1,249"}, "Write the amount as a number"),
    ({"action": "approve", "amount": "-5"}, "Write the amount as a number"),
    ({"action": "approve", "amount": "0"}, "The amount must be above zero."),
    ({"action": "approve", "amount": "99999999"}, "The amount is higher"),
    ({"action": "decline"}, "Choose why you decline."),
    ({"action": "decline", "reason_code": "because"}, "There is a problem"),
    ({"action": "grant"}, "Something in the form is not right."),
    ({"action": "approve", "approved_by": "usr_x"}, "Something in the form is not right."),
]


async def test_a_wrong_form_is_said_and_kept(desk: Desk) -> None:
    async with browsing(desk.stack.portal, APPROVER, base_url=HERE) as browser:
        for fields, said in WRONG:
            sent = form(await browser.get(desk.page), **({"note": "Keep me."} | fields))
            answer = await browser.send(desk.page, sent)
            assert 400 <= answer.status_code < 500, fields
            assert said in answer.text, fields
            assert ("Keep me." in answer.text) == (fields["action"] != "grant"), fields
        shown = await browser.get(desk.page)
    assert "Your decision" in shown.text


async def test_a_refused_form_of_a_mail_goes_on_at_the_ticket(desk: Desk) -> None:
    link = desk.link()
    async with browsing(desk.stack.portal, APPROVER, base_url=HERE) as browser:
        page = await browser.get(link)
        refused = await browser.send(link, form(page, "approve", amount="99999999"))
        assert f'<form method="post" action="{desk.page}"' in refused.text
        done = await browser.send(desk.page, form(refused, "approve", amount="1"))
        assert location(done) == desk.page


async def test_whoever_asked_sees_no_form(stack: Stack) -> None:
    story = stack.story().buy()
    desk = Desk(stack, story, await stack.waiting_case(story, BOTH))
    async with browsing(stack.portal, BOTH, base_url=HERE) as browser:
        page = await browser.get(desk.page)
        if page.status_code == 200:
            assert 'name="action"' not in page.text
            assert "You cannot decide on this case:" in page.text
        sent = {"action": "approve", "key": "k", "revision": "1"}
        assert (await browser.send(desk.page, sent)).status_code in (403, 412)


async def test_what_is_no_link_of_ours_is_nothing(still_portal: Portal) -> None:
    async with browsing(still_portal, APPROVER) as browser:
        for token in ("x", "A" * 43, "é", "%00", "a/b"):
            assert (await browser.get(f"/decide/{token}")).status_code == 404


async def test_the_page_speaks_czech(desk: Desk) -> None:
    async with browsing(desk.stack.portal, APPROVER, base_url=HERE) as browser:
        page = await browser.get(desk.link(), **{"Accept-Language": "cs"})
    for text in ("Vaše rozhodnutí", "Schválit", "Oč se žádá", "Ověřeno automaticky"):
        assert text in page.text, text


async def test_an_approval_is_taken_back_while_nothing_was_done(stack: Stack) -> None:
    with stack.database.transaction() as connection:
        add_policies(connection, [undoable()])
    story = stack.story(sku=UNDOABLE).buy()
    desk = Desk(stack, story, await stack.waiting_case(story, BUYER))
    async with (
        browsing(stack.portal, APPROVER, base_url=HERE) as browser,
        browsing(stack.portal, OTHER_APPROVER, base_url=HERE) as other,
    ):
        await browser.send(desk.page, form(await browser.get(desk.page), "approve"))
        approved = await browser.get(desk.page)
        assert "Take the approval back" in approved.text
        assert (await other.send(desk.page, UNDO)).status_code in (403, 409)

        taken = await browser.send(desk.page, form(approved, "undo"))

        assert location(taken) == desk.page
        again = await browser.get(desk.page)
        assert "Your decision" in again.text
        assert "Take the approval back" not in again.text
        late = await browser.send(desk.page, UNDO)
        assert (late.status_code, "too late" in late.text) == (409, True)

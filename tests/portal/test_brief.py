"""The brief over the API: one response, who else is at it, and nothing for those who do not decide."""

from typing import Any

import pytest
from sqlalchemy import select

from storage.ticket import tickets
from tests.factories import APPROVER, BUYER, OPERATOR, OTHER_APPROVER, Story
from tests.fixtures.portal import Portal


class Case:
    """A case with its ticket, and the paths to it."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.story = Story(portal.state.database).buy().reveal().request()
        with portal.state.database.reading() as connection:
            ticket_id = connection.execute(select(tickets.c.id)).scalar_one()
        self.path = f"/api/v1/tickets/{ticket_id}"

    async def brief(self, user: str = APPROVER, **query: Any) -> Any:
        answer = await self.portal.get(f"{self.path}/brief", user, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def case(portal: Portal) -> Case:
    return Case(portal)


async def test_one_response_holds_all_that_a_decision_needs(case: Case) -> None:
    brief = await case.brief(lang="cs")
    assert brief["quote"]["explanation"].startswith("Storno přijaté")
    assert brief["cancellation"]["id"] == case.story.cancellation_id
    assert brief["ticket"]["contact"]["email"] == "alena@vltava-cloud.example"
    assert [key["first_seen_by"] for key in brief["keys"]["seen"]] == [BUYER]
    outcomes = {name: check["outcome"] for name, check in brief["checks"].items()}
    assert outcomes == dict.fromkeys(("in_time", "money", "key_and_downloads", "pattern"), "passed")
    assert brief["standing"]["may_decide"]
    assert brief["people"][BUYER] == "Alice Adamová"


async def test_readers_see_each_other_and_leave_no_trace(case: Case) -> None:
    first = await case.brief()
    assert (await case.portal.post(f"{case.path}/presence", user=OPERATOR)).status_code == 204
    second = await case.brief(OTHER_APPROVER)
    assert first["viewers"] == []
    assert {viewer["user_id"] for viewer in second["viewers"]} == {APPROVER, OPERATOR}
    assert second["revision"] == first["revision"]
    audit = (await case.portal.get("/api/v1/audit", OPERATOR)).text
    assert "presence" not in audit


async def test_what_moved_since_a_revision_is_told(case: Case) -> None:
    seen = (await case.brief())["revision"]
    case.story.reveal(unit=1)
    brief = await case.brief(since=seen)
    assert [change["number"] for change in brief["changes"]] == [brief["revision"]]
    bad = await case.portal.get(f"{case.path}/brief", APPROVER, since="soon")
    assert bad.json()["code"] == "invalid_request"


async def test_whoever_may_not_decide_is_told_why_or_gets_none(case: Case) -> None:
    standing = (await case.brief(OPERATOR))["standing"]
    assert (standing["may_decide"], standing["refusal_code"]) == (False, "not_an_approver")
    for user in (BUYER, "usr_hana_helpdesk"):
        for answer in (
            await case.portal.get(f"{case.path}/brief", user),
            await case.portal.post(f"{case.path}/presence", user=user),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_ticket_about_no_cancellation_has_no_brief(portal: Portal) -> None:
    Story(portal.state.database).place().charge().report_dry_stock()
    (ticket,) = (await portal.get("/api/v1/tickets", OPERATOR)).json()["items"]
    answer = await portal.get(f"/api/v1/tickets/{ticket['id']}/brief", APPROVER)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_a_cancellation")

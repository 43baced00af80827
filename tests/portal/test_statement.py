"""Statements and credit notes over the API: who sees them, and that they stay as they were issued."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.factories import APPROVER, BUYER, OTHER_BUYER, Story
from tests.fixtures.closing import close_statements, typeset_all
from tests.fixtures.portal import Portal, bearer

MARCH_30 = datetime(2026, 3, 30, 10, tzinfo=UTC)
APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (4, 5))


@pytest.fixture
def story(portal: Portal) -> Story:
    """Charged in March, credited in April, both months closed and their pages made."""
    database = portal.state.database
    told = Story(database, placed_at=MARCH_30).buy()
    told.at = APRIL + timedelta(days=3)
    told.cancel()
    close_statements(database, MAY)
    typeset_all(database, MAY)
    return told


async def listed(
    portal: Portal, path: str, user: str = BUYER, **query: Any
) -> list[dict[str, Any]]:
    answer = await portal.get(f"/api/v1/{path}", user, **query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_statements_are_listed_newest_first_and_paged(portal: Portal, story: Story) -> None:
    april, march = await listed(portal, "statements")
    first = (await portal.get("/api/v1/statements", BUYER, limit="1")).json()
    rest = (await portal.get("/api/v1/statements", BUYER, after=first["next"])).json()

    assert [april["number"], march["number"]] == ["ST-2026-000002", "ST-2026-000001"]
    assert april["due"] == {"amount_minor": -205800, "currency": "EUR"}
    assert first["items"] + rest["items"] == [april, march]
    assert rest["next"] is None


async def test_a_credit_names_its_credit_note_and_the_note_its_original(
    portal: Portal, story: Story
) -> None:
    (credit,) = await listed(portal, "credits", order_id=story.order_id)
    (noted,) = await listed(portal, "credit-notes")
    april, march = await listed(portal, "statements")
    note = (await portal.get(f"/api/v1/credit-notes/{noted['id']}")).json()

    assert credit["credit_note_id"] == noted["id"]
    assert credit["statement_id"] == noted["statement_id"] == april["id"]
    assert noted["original_statement_id"] == note["original"]["id"] == march["id"]
    assert note["total"] == credit["amount"]
    assert note["lines"][0]["credit_id"] == credit["id"]


async def test_a_paper_is_json_or_pdf_as_one_asks(portal: Portal, story: Story) -> None:
    (noted,) = await listed(portal, "credit-notes")
    path = f"/api/v1/credit-notes/{noted['id']}"
    asked = {"Accept": "application/pdf, application/json;q=0.5"}

    pdf = await portal.http.get(path, headers=bearer(BUYER) | asked)
    same = await portal.get(f"{path}/document")
    czech = await portal.get(f"{path}/document", BUYER, lang="cs")
    json = await portal.get(path)

    assert pdf.content[:5] == b"%PDF-"
    assert pdf.content == same.content != czech.content
    assert same.headers["Content-Type"] == "application/pdf"
    assert 'filename="CN-2026-000001.pdf"' in same.headers["Content-Disposition"]
    assert json.headers["Content-Type"] == "application/json"
    for answer in (pdf, same, czech, json):
        assert answer.headers["Cache-Control"] == "private, no-store"
    unknown = await portal.get(f"{path}/document", BUYER, lang="de")
    assert unknown.json()["code"] == "invalid_request"


async def test_a_statement_stays_as_it_was_issued(portal: Portal, story: Story) -> None:
    paths = [f"/api/v1/statements/{s['id']}" for s in await listed(portal, "statements")]
    paths += [f"{path}/document" for path in paths]
    before = [(await portal.get(path)).content for path in paths]
    with portal.state.database.transaction() as connection:
        connection.execute(text("UPDATE partners SET name = 'Renamed'"))
        connection.execute(text("UPDATE customers SET name = 'Renamed'"))
        connection.execute(text("UPDATE products SET title = 'Renamed'"))
    typeset_all(portal.state.database, MAY)

    assert [(await portal.get(path)).content for path in paths] == before


async def test_no_contact_and_no_free_text_is_on_a_paper(portal: Portal, story: Story) -> None:
    for kind in ("statements", "credit-notes"):
        for paper in await listed(portal, kind):
            shown = (await portal.get(f"/api/v1/{kind}/{paper['id']}")).text
            assert "Bought twice by mistake" not in shown
            assert "alena" not in shown.lower()


async def test_the_pages_may_take_a_moment(portal: Portal) -> None:
    Story(portal.state.database, placed_at=MARCH_30, quantity=1).buy()
    (march,) = close_statements(portal.state.database, APRIL)

    answer = await portal.get(f"/api/v1/statements/{march.id}/document")

    assert (answer.status_code, answer.json()["code"]) == (503, "pages_not_ready")
    assert answer.headers["Retry-After"] == "5"


async def test_another_partner_sees_none_and_the_house_sees_all(
    portal: Portal, story: Story
) -> None:
    for kind in ("statements", "credit-notes"):
        found = await listed(portal, kind, APPROVER)
        assert await listed(portal, kind, OTHER_BUYER) == []
        answer = await portal.get(f"/api/v1/{kind}/{found[0]['id']}", OTHER_BUYER)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

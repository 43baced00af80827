"""Lists of tickets: worklists, search, pages without gaps, and the export, through the API and at a terminal."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from models.decision import Verdict
from models.tables.catalogue import CustomerRow
from models.tables.column import table
from portal.cli import app
from portal.ticket_file import csv_lines
from storage import worklist
from storage.ticket_view import find_ticket
from tests.factories import APPROVER, BUYER, CUSTOMER, OPERATOR, OTHER_BUYER, OTHER_CUSTOMER, Story
from tests.fixtures.inquiry import Inquiry
from tests.fixtures.portal import Portal

FORMULAS = ("=1+1", "+420", "-2", "@SUM(A1)", "＝1")


async def listed(portal: Portal, user: str = OPERATOR, **query: Any) -> set[str]:
    """The titles on a list."""
    answer = await portal.get("/api/v1/tickets", user, **query)
    assert answer.status_code == 200, answer.text
    return {ticket["title"] for ticket in answer.json()["items"]}


def recently() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=30)


async def test_each_worklist_shows_its_own(portal: Portal) -> None:
    database, at = portal.state.database, recently()

    def told(title: str, impact: str = "minimal") -> Inquiry:
        return Inquiry(database, at=at).open(title=title, impact=impact)

    told("new")
    told("soon", "critical")
    told("mine").assign(OPERATOR)
    told("hers").assign(APPROVER)
    told("answered", "critical").note()
    told("late").escalate()
    told("mine and done").assign(OPERATOR).resolve()
    told("closed").resolve().close()

    assert await listed(portal, worklist="mine") == {"mine"}
    assert await listed(portal, APPROVER, worklist="mine") == {"hers"}
    assert await listed(portal, worklist="unassigned") == {"new", "soon", "answered", "late"}
    assert await listed(portal, worklist="due_soon") == {"soon"}
    assert await listed(portal, worklist="escalated") == {"late"}
    assert await listed(portal, worklist="done") == {"mine and done", "closed"}
    assert await listed(portal, worklist="unassigned", search="soo") == {"soon"}
    assert len(await listed(portal)) == 8
    assert await listed(portal, OTHER_BUYER) == set()
    refused = await portal.get("/api/v1/tickets", worklist="everything")
    assert refused.json()["code"] == "invalid_request"


async def test_a_decided_case_is_answered_and_done(portal: Portal) -> None:
    story = Story(portal.state.database, placed_at=recently()).buy().request(title="decided")
    assert await listed(portal, worklist="unassigned") == {"decided"}
    story.decide(Verdict.DECLINED)

    assert await listed(portal, worklist="done") == {"decided"}
    (ticket,) = (await portal.get("/api/v1/tickets")).json()["items"]
    assert (ticket["first_response_by"], ticket["response"]) == (APPROVER, "met")


async def test_the_clock_is_read_at_the_door(portal: Portal) -> None:
    inquiry = Inquiry(portal.state.database).open()
    (ticket,) = (await portal.get("/api/v1/tickets", worklist="due_soon")).json()["items"]
    assert ticket["response"] == "late"
    with portal.state.database.reading() as connection:
        person = Story(portal.state.database).person(BUYER)
        then = find_ticket(connection, person, inquiry.id, inquiry.at)
    assert then is not None
    assert then.response == "due"


SEARCHES = {
    "pekar": True,  # of Pekařství, without its accents
    "PEKAŘ": True,
    "zvonku tri": True,
    "trizvonky.onmicrosoft.example": True,
    "onmicro": True,
    "credit missing": True,
    "miss cred": True,
    "credit nothing": False,
    "issing": False,  # words are found by how they begin
    "alpenblick": False,
    "'": False,
    "\\": False,
    "a | b & !c:*": False,
    "%": False,
    "…": False,
}


async def test_search_finds_words_by_their_beginnings(portal: Portal) -> None:
    Inquiry(portal.state.database).open()
    for search, found in SEARCHES.items():
        expected = {"A credit is missing"} if found else set()
        assert await listed(portal, search=search) == expected, search


async def test_search_finds_numbers_and_new_names(portal: Portal) -> None:
    database = portal.state.database
    story = Story(database).buy()
    inquiry = Inquiry(database).open(order_id=story.order_id)
    (ticket,) = (await portal.get("/api/v1/tickets")).json()["items"]
    for number in (ticket["number"], ticket["order_number"]):
        assert await listed(portal, search=str(number)) == {ticket["title"]}
    with database.transaction() as connection:
        customers = table(CustomerRow)
        renamed = customers.update().where(customers.c.id == CUSTOMER)
        connection.execute(renamed.values(name="Mlýn u Labe a.s."))
    assert await listed(portal, search="mlyn") == {ticket["title"]}
    assert await listed(portal, search="pekarstvi") == set()
    assert inquiry.id == ticket["id"]
    refused = await portal.get("/api/v1/tickets", search="\u202e")
    assert refused.json()["code"] == "invalid_request"


@pytest.mark.parametrize("on", [None, "due_soon"])
async def test_pages_miss_and_repeat_nothing(portal: Portal, on: str | None) -> None:
    told = [Inquiry(portal.state.database).open(title=f"number {n}") for n in range(5)]
    asked = {"limit": 2} | ({} if on is None else {"worklist": on})
    seen, after = [], None
    while True:
        page = (
            await portal.get("/api/v1/tickets", **asked, **({"after": after} if after else {}))
        ).json()
        seen += [ticket["id"] for ticket in page["items"]]
        after = page["next"]
        if after is None:
            break

    assert sorted(seen) == sorted(inquiry.id for inquiry in told)
    assert len(seen) == 5


async def test_the_export_has_every_ticket_and_no_formula(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist, "_PAGE", 2)
    database = portal.state.database
    for title in FORMULAS:
        Inquiry(database).open(title=title)
    Inquiry(database).open(title='Says "a, b"')
    Story(database).buy().request()
    Inquiry(database, by=OTHER_BUYER).open(title="foreign", customer_id=OTHER_CUSTOMER)

    answer = await portal.get("/api/v1/tickets.csv")

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="tickets.csv"'
    rows = list(csv.DictReader(StringIO(answer.text)))
    titles = {row["title"] for row in rows}
    assert {f"'{formula}" for formula in FORMULAS} < titles
    assert 'Says "a, b"' in titles
    assert "foreign" not in titles
    assert [
        (row["requested_amount"], row["currency"]) for row in rows if row["requested_amount"]
    ] == [("2058.00", "EUR")]
    assert not any(cell.startswith(tuple("=+-@")) for row in rows for cell in row.values())
    assert "alena@vltava-cloud.example" not in answer.text


def test_an_empty_export_still_names_its_columns() -> None:
    assert "".join(csv_lines([])).startswith("number,id,kind,status")


@pytest.fixture
def terminal(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", portal.state.database.url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["tickets", *words])

    return run


def test_the_terminal_shows_the_same_lists(portal: Portal, terminal: Any) -> None:
    assert "no tickets yet" in terminal().output
    assert "nothing here" in terminal("--list", "done").output
    Inquiry(portal.state.database).open(title="[red]plain[/]").assign(APPROVER)
    Inquiry(portal.state.database).open(title="another")

    assert "[red]plain[/]" in " ".join(terminal().output.split())
    (mine,) = json.loads(terminal("--list", "mine", "--user", APPROVER, "--json").output)
    assert (mine["title"], mine["assignee_id"]) == ("[red]plain[/]", APPROVER)
    assert "contact" not in mine
    assert len(json.loads(terminal("--json", "--limit", "1").output)) == 1
    assert len(terminal("--csv", "--search", "another").output.splitlines()) == 2
    unsaid = terminal("--list", "mine")
    assert unsaid.exit_code == 2
    assert "--user" in unsaid.output

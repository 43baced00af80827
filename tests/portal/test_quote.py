"""The quote at both doors, in either language, and the record of it that stays with the case."""

import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner, Result

from models.errors import Invalid, NotFound
from portal.cli import app
from storage.engine import Database
from tests.factories import APPROVER, BUYER, PLACED_AT, Story
from tests.fixtures.portal import Portal
from tests.fixtures.stack import Stack, form_of, money

DAY = timedelta(days=1)
CLOSES = PLACED_AT + 60 * DAY
LATE = (CLOSES + timedelta(seconds=1)).isoformat()


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["quote", *words], catch_exceptions=False)


@pytest.fixture
def sold(database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    return Story(database).buy().software_id


async def test_both_doors_say_the_same(portal: Portal, sold: str) -> None:
    path = f"/api/v1/software/{sold}/cancellation-quote"
    for at in (PLACED_AT.isoformat(), CLOSES.isoformat(), LATE):
        for lang in ("en", "cs"):
            answer = await portal.get(path, at=at, lang=lang)

            assert answer.status_code == 200
            assert json.loads(run(sold, "--at", at, "--lang", lang, "--json").stdout) == (
                answer.json()
            )


def test_a_quote_tells_the_credit_of_each_tier(sold: str) -> None:
    found = json.loads(run(sold, "--at", PLACED_AT.isoformat(), "--json").stdout)

    assert found["eligible"] is True
    (step,) = found["outlook"]["steps"]
    assert step["credit"] == step["credit_at_end"] == found["credit"]
    assert step["ends_at"] == found["deadline"]
    assert found["outlook"]["counterfactual"] is None


def test_a_quote_for_some_units_of_a_line_that_goes_as_a_whole_says_so(sold: str) -> None:
    words = (sold, "--at", PLACED_AT.isoformat(), "--quantity", "1")
    found = json.loads(run(*words, "--json").stdout)

    assert found["reason"] == "quantity_not_divisible"
    assert found["outlook"]["counterfactual"]["changes"] == ["quantity_not_divisible"]
    assert "goes only as a whole, not 1 of 2 units" in run(*words).stdout
    assert run(sold, "--quantity", "0").exit_code == 2


def test_a_late_quote_tells_until_when_it_would_have_been_accepted(sold: str) -> None:
    found = json.loads(run(sold, "--at", LATE, "--json").stdout)

    assert found["reason"] == "cancellation_window_closed"
    assert found["outlook"]["steps"] == []
    edge = found["outlook"]["counterfactual"]
    assert edge["changes"] == []
    at_the_edge = json.loads(run(sold, "--at", edge["accepted_until"], "--json").stdout)
    assert (at_the_edge["eligible"], at_the_edge["credit"]) == (True, edge["credit"])


def test_the_sentences_come_in_the_language_asked_for(sold: str) -> None:
    english, czech = (run(sold, "--at", LATE, "--lang", lang).stdout for lang in ("en", "cs"))

    assert "comes too late" in english
    assert "It would have been accepted until" in english
    assert "přichází pozdě" in czech
    assert "Bylo by bývalo přijato do" in czech
    assert run(sold, "--at", LATE).stdout == english
    assert run(sold, "--lang", "de").exit_code == 2


def test_now_is_meant_when_no_instant_is_given(sold: str) -> None:
    assert run(sold).stdout.startswith("A cancellation received at ")


def test_a_line_that_is_cancelled_says_so(database: Database, sold: str) -> None:
    story = Story(database).buy().cancel()

    found = json.loads(run(story.software_id, "--at", CLOSES.isoformat(), "--json").stdout)

    assert found["reason"] == "already_cancelled"
    assert found["outlook"]["counterfactual"]["changes"] == ["already_cancelled"]


@pytest.mark.parametrize(
    "at", ["2026-01-05T09:30:00", "yesterday", "1999-12-31T23:59:59Z", "9999-01-01T00:00:00Z"]
)
def test_an_instant_that_cannot_be_meant_is_refused(sold: str, at: str) -> None:
    with pytest.raises(Invalid, match="--at"):
        run(sold, "--at", at)


def test_what_was_never_sold_has_no_quote(sold: str) -> None:
    with pytest.raises(NotFound):
        run("sft_none")


async def test_an_unknown_language_is_refused_at_the_api(portal: Portal, sold: str) -> None:
    answer = await portal.get(f"/api/v1/software/{sold}/cancellation-quote", lang="de")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_a_reason_is_taken_from_those_the_quote_offers(stack: Stack) -> None:
    story = stack.story().buy()
    buyer = stack.caller(BUYER)
    quote = (await buyer.get(f"/software/{story.software_id}/cancellation-quote")).body
    offered = [reason["code"] for reason in quote["reasons"]]
    refused = await buyer.post("/cancellations", form_of(story, reason_code="a_whim"))
    assert (refused.code, refused.body["offered"]) == ("422 reason_not_offered", offered)
    case = await stack.waiting_case(story, BUYER, reason_code=offered[1])
    assert case["reason_code"] == offered[1]


async def test_the_quote_is_kept_with_the_case_for_whoever_decides(stack: Stack) -> None:
    case = await stack.waiting_case(stack.story().buy(), BUYER, requested_amount=money(100))
    path = f"/cancellations/{case['id']}/quote"
    approver = stack.caller(APPROVER)
    kept = (await approver.get(path)).body
    assert (kept["received_at"], kept["deadline"]) == (
        case["received_at"],
        case["window_closes_at"],
    )
    assert kept["outlook"]["steps"][0]["ends_at"] == case["window_closes_at"]
    assert kept["explanation"].startswith("A cancellation received at ")
    assert (await approver.get(path, lang="cs")).body["explanation"].startswith("Storno ")
    assert (await stack.caller("usr_petra_admin").get(path)).code == "404 not_found"
    assert (await stack.caller("usr_greta_global").get(path)).code == "403 forbidden"

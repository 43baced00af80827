"""`keydesk close-statements`: a month at a time, again without harm, and dry."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

import settings
from models.errors import Refused
from portal.cli import app
from storage.engine import Database
from tests.factories import Story

runner = CliRunner()
IN_MARCH = datetime(2026, 3, 30, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def story(database: Database, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A charge in March, in the database of the settings, and its credit in April."""
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    monkeypatch.setenv("KEYDESK_ISSUER_NAME", "Dům klíčů s.r.o.")
    told = Story(database, placed_at=IN_MARCH).buy()
    told.at = IN_MARCH + timedelta(days=5)
    return told.cancel()


def closed(*arguments: str) -> list[dict[str, object]]:
    result = runner.invoke(app, ["close-statements", "--json", *arguments])
    assert result.exit_code == 0, result.output
    found: list[dict[str, object]] = json.loads(result.stdout)["statements"]
    return found


def test_a_month_is_closed_and_a_second_run_finds_nothing() -> None:
    (march,) = closed("--month", "2026-03")

    assert (march["number"], march["lines"]) == ("ST-2026-000001", 1)
    assert march["due"] == {"amount_minor": 205800, "currency": "EUR"}
    assert closed("--month", "2026-03") == []


def test_without_a_month_everything_that_is_over_is_closed() -> None:
    march, april = closed()

    assert (march["credit_notes"], april["lines"]) == ([], 0)
    (note,) = april["credit_notes"]  # type: ignore[misc]
    assert note["original_number"] == march["number"]


def test_a_dry_run_shows_the_same_sums_and_closes_nothing() -> None:
    dry = closed("--dry-run")
    wet = closed()

    assert [s["due"] for s in dry] == [s["due"] for s in wet]
    assert all("number" not in s for s in dry)


def test_people_get_a_table_and_the_empty_state_says_so() -> None:
    told = runner.invoke(app, ["close-statements", "--month", "2026-03"], env={"COLUMNS": "120"})
    again = runner.invoke(app, ["close-statements", "--month", "2026-03"])

    assert "ST-2026-000001" in told.stdout
    assert "2,058.00 EUR" in told.stdout
    assert "Nothing is left to close" in again.stdout


def test_a_month_that_is_not_over_is_refused() -> None:
    result = runner.invoke(app, ["close-statements", "--month", "2999-01"])

    assert isinstance(result.exception, Refused)
    assert result.exception.code == "month_not_over"


def test_the_running_month_is_closed_in_development_only(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed()
    Story(database, placed_at=datetime.now(UTC) - timedelta(minutes=10), quantity=1).buy()

    (part,) = closed("--until-now")

    assert part["lines"] == 1
    production = settings.load().model_copy(update={"mode": settings.Mode.PRODUCTION})
    monkeypatch.setattr(settings, "load", lambda: production)
    result = runner.invoke(app, ["close-statements", "--until-now"])
    assert isinstance(result.exception, Refused)
    assert result.exception.code == "running_month_refused"

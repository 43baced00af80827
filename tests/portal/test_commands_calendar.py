"""`keydesk import-calendars` and `keydesk calendars`: taken whole or not at all, and what they change."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

import demo
from models.errors import Invalid, NotFound
from models.tables.column import table
from models.tables.record import AuditRow
from models.ticket import Impact
from portal.cli import app
from storage.calendar import calendar_of
from storage.case import tickets
from storage.engine import Database
from storage.first_response import response_due
from storage.verify import verify
from tests.factories import OTHER_BUYER, OTHER_CUSTOMER, OTHER_PARTNER, PARTNER
from tests.fixtures.inquiry import Inquiry

SHIPPED = Path(demo.__path__[0]) / "calendars.yaml"
SATURDAY = datetime(2026, 3, 7, 10, 0, tzinfo=UTC)
_audit = table(AuditRow)


@pytest.fixture(autouse=True)
def installation(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    monkeypatch.setenv("COLUMNS", "200")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def settings_of_calendars(database: Database) -> int:
    with database.reading() as connection:
        query = select(func.count()).where(_audit.c.action == "calendar.set")
        return connection.execute(query).scalar_one()


def test_a_calendar_counts_from_its_import_on(database: Database) -> None:
    before = Inquiry(database, at=SATURDAY, by=OTHER_BUYER).open(customer_id=OTHER_CUSTOMER)
    assert run("import-calendars", str(SHIPPED)).exit_code == 0
    after = Inquiry(database, at=SATURDAY, by=OTHER_BUYER).open(customer_id=OTHER_CUSTOMER)

    with database.reading() as connection:
        rows = connection.execute(select(tickets.c.id, tickets.c.respond_by))
        due = {row.id: row.respond_by for row in rows}
        assert calendar_of(connection, PARTNER).time_zone == "Europe/Prague"
        assert calendar_of(connection, OTHER_PARTNER).time_zone == "Europe/Vienna"
        critical = response_due(connection, PARTNER, Impact.CRITICAL, SATURDAY)
    assert due[before.id] == datetime(2026, 3, 7, 18, 1, tzinfo=UTC)
    assert due[after.id] == datetime(2026, 3, 9, 16, 0, tzinfo=UTC)
    assert critical == datetime(2026, 3, 7, 12, 0, tzinfo=UTC), "round the clock"
    assert verify(database, after.at).breaches == ()


def test_an_import_that_changes_nothing_says_so(database: Database) -> None:
    assert "no calendars yet" in run("calendars").output
    first = json.loads(run("import-calendars", str(SHIPPED), "--json").output)
    again = json.loads(run("import-calendars", str(SHIPPED), "--json").output)

    assert (first, again) == ({"calendars": 2, "changed": 2}, {"calendars": 2, "changed": 0})
    assert settings_of_calendars(database) == 2
    shown = json.loads(run("calendars", "--json").output)
    assert [entry["partner_id"] for entry in shown] == [None, OTHER_PARTNER]
    for shown in ("everybody", "mon-fri 08:00-17:00", "mon-thu 08:00-12:00 13:00-18:00"):
        assert shown in run("calendars").output


WRONG = {
    "- time_zone: [": "no YAML",
    "time_zone: UTC": "no list",
    "[]": "no list",
    "- 5": "no mapping",
    "- {time_zone: UTC, hours: {monday: [17:00]}}": "OpenHours",
    "- {time_zone: UTC, hours: {monday: [{opens: 9:00, closes: 17:00}]}}": "in quotes",
    "- {time_zone: UTC, hours: {monday: ['09:00-17:00']}, holidays_of: NO}": "holidays_of",
    "- {time_zone: UTC, hours: {monday: ['09:00-17:00']}, holidays_of: ZZ}": "ZZ is unknown",
    "- {time_zone: UTC, hours: {monday: ['09:00-17:00']}, opening: 1}": "opening",
    2 * "- {time_zone: UTC, hours: {monday: ['09:00-17:00']}}\n": "two calendars",
}


def test_a_file_that_is_wrong_is_refused(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "calendars.yaml"
    for text, complaint in WRONG.items():
        file.write_text(text)
        with pytest.raises(Invalid, match=complaint):
            run("import-calendars", str(file))
    assert settings_of_calendars(database) == 0


def test_a_file_is_taken_whole_or_not_at_all(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "calendars.yaml"
    text = SHIPPED.read_text(encoding="utf-8")
    file.write_text(text.replace(OTHER_PARTNER, "par_none"))

    with pytest.raises(NotFound):
        run("import-calendars", str(file))
    assert settings_of_calendars(database) == 0
    with pytest.raises(Invalid, match="No such file"):
        run("import-calendars", str(tmp_path / "nowhere.yaml"))

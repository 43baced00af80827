"""`keydesk verify` as a person and as a program meet it."""

import json

import pytest
from typer.testing import CliRunner

from portal.cli import app
from storage.engine import Database
from storage.verify import INVARIANTS
from tests.factories import CONTACT, Story

runner = CliRunner()


@pytest.fixture(autouse=True)
def book(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The database that the command finds in its settings."""
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    return database


def test_verify_leaves_with_0_when_the_book_is_right(book: Database) -> None:
    Story(book).buy().cancel().finish()

    result = runner.invoke(app, ["verify", "--json"])

    # The story is told in the past and nobody delivers mail here: its mails are overdue, and nothing else is wrong.
    report = json.loads(result.stdout)
    assert [f["code"] for f in report["findings"]] == [i.code for i in INVARIANTS]
    assert {f["code"] for f in report["findings"] if f["rows"]} == {"I20"}
    with book.transaction() as connection:
        connection.exec_driver_sql("UPDATE outbox SET status = 'sent', sent_at = created_at")

    assert runner.invoke(app, ["verify"]).exit_code == 0


def test_verify_leaves_with_1_and_shows_the_offending_rows(book: Database) -> None:
    story = Story(book).buy()
    _spoil(book)

    result = runner.invoke(app, ["verify"])

    assert result.exit_code == 1
    assert "rules are broken" in result.stdout
    assert story.order_id in result.stdout
    assert CONTACT.email not in result.stdout


def test_verify_limits_the_rows_it_shows(book: Database) -> None:
    for _ in range(3):
        Story(book).buy()
    _spoil(book)

    report = json.loads(runner.invoke(app, ["verify", "--json", "--limit", "2"]).stdout)
    page = runner.invoke(app, ["verify", "--limit", "2"]).stdout

    broken = next(f for f in report["findings"] if f["code"] == "K5")
    assert (broken["count"], len(broken["rows"])) == (3, 2)
    assert "and 1 more" in page


def test_verify_says_what_helps_when_there_is_no_book(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")

    result = runner.invoke(app, ["verify"])

    assert result.exit_code == 1
    assert "nobody@" not in str(result.exception)


def _spoil(book: Database) -> None:
    with book.transaction() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("UPDATE orders SET total_minor = total_minor + 1")

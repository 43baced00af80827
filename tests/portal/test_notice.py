"""Who could not be reached, over the API; a report of a mail server at the command's door; the same mail again."""

import json

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from portal.cli import app
from storage.engine import Database
from tests.factories import APPROVER, BUYER, OPERATOR, Story
from tests.fixtures.bounces import report
from tests.fixtures.portal import Portal

BOB = "bob@keydesk.example"


@pytest.fixture(autouse=True)
def installation(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    monkeypatch.setenv("KEYDESK_MAIL_FROM", "Keydesk <keydesk@keydesk.example>")


def take(message: bytes, *words: str) -> str:
    done = CliRunner().invoke(app, ["take-bounce", *words], input=message, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def answer(message: bytes) -> str:
    told: str = json.loads(take(message, "--json"))["answer"]
    return told


def asked(database: Database) -> tuple[str, str]:
    """The ticket of a case, and the mail that asked Bob, which went out."""
    story = Story(database).buy().request()
    with database.transaction() as connection:
        names = {"id": story.cancellation_id, "bob": APPROVER}
        connection.execute(
            text("UPDATE outbox SET status = 'sent', sent_at = now() WHERE channel = 'mail'")
        )
        query = text(
            "SELECT t.id, o.id FROM tickets t, outbox o WHERE t.cancellation_id = :id"
            " AND o.kind = 'approval_needed' AND o.recipient_id = :bob"
        )
        ticket_id, notice_id = connection.execute(query, names).one()
    return ticket_id, notice_id


async def test_a_mail_that_came_back_shows_on_its_case_and_is_sent_again(
    portal: Portal, database: Database
) -> None:
    ticket_id, notice_id = asked(database)
    path = f"/api/v1/tickets/{ticket_id}/notices"

    assert answer(report(notice_id, BOB)) == "taken"
    assert "nothing was changed" in take(report(notice_id, BOB))

    mails = (await portal.get(path, OPERATOR)).json()["items"]
    (lost,) = (mail for mail in mails if mail["status"] == "bounced")
    assert (lost["id"], lost["recipient_name"]) == (notice_id, "Bob Beránek")
    assert lost["last_error"] == "It came back (5.1.1)."
    again = await portal.post(f"/api/v1/notices/{notice_id}/resend", user=OPERATOR, key="one")
    repeat = await portal.post(f"/api/v1/notices/{notice_id}/resend", user=OPERATOR, key="one")
    assert (again.status_code, again.json()) == (200, repeat.json())
    assert (again.json()["status"], again.json()["bounced_at"]) == ("pending", None)


async def test_a_second_request_while_the_mail_waits_is_refused_by_name(
    portal: Portal, database: Database
) -> None:
    _, notice_id = asked(database)
    path = f"/api/v1/notices/{notice_id}/resend"
    assert (await portal.post(path, user=OPERATOR)).status_code == 200
    refused = await portal.post(path, user=OPERATOR)
    assert (refused.status_code, refused.json()["code"]) == (409, "notice_not_resendable")
    assert (await portal.post(path, user=BUYER)).status_code == 403


def test_what_is_not_about_a_mail_of_ours_is_left_alone(database: Database) -> None:
    _, notice_id = asked(database)
    assert answer(report(notice_id, "mallory@evil.example")) == "foreign"
    assert answer(report(f"ntc_{1:032x}", BOB)) == "foreign"
    assert answer(report(notice_id, BOB, code="nonsense")) == "no_report"
    assert answer(b"Subject: I am on holiday\n\nBack in June.") == "no_report"
    assert answer(b"") == "no_report"
    assert answer(report(notice_id, BOB) + b"x" * 1024 * 1024) == "no_report", "too long to be read"
    assert answer(report(notice_id, BOB, action="delayed", code="4.4.1")) == "noted"
    with database.reading() as connection:
        bounced = connection.execute(text("SELECT count(*) FROM outbox WHERE status = 'bounced'"))
        assert bounced.scalar_one() == 0


def test_without_the_book_the_mail_server_is_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", "postgresql+psycopg://postgres@/none?host=%2Fnone")
    done = CliRunner().invoke(app, ["take-bounce"], input=report(f"ntc_{1:032x}", BOB))
    assert done.exit_code == 75
    assert "try again later" in done.stderr
    assert BOB not in done.output

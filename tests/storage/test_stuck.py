"""What the book alone knows of waiting: nothing in time, everything when its time is up."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from models.stuck import Stuck, StuckKind
from storage.engine import Database
from storage.stuck import WAITS, cases, open_cases, waiting
from tests.factories import CONTACT, PLACED_AT, Story
from tests.storage.conftest import Scene

SECOND = timedelta(seconds=1)

INBOX = (
    "INSERT INTO inbox (source, event_id, type, body_sha256, data, received_at, resource_id, status,"
    " attempts, next_attempt_at) VALUES ('house-portal', 'e1', 'portal.order.placed.v1', ''::bytea,"
    " '{{}}', :now, 'ord_e1', '{status}', 3, :now)"
)
FLAG = (
    "UPDATE tickets SET needs_attention = 'The step keeps failing.' WHERE cancellation_id = :{case}"
)


@pytest.mark.parametrize("chapter", ["cancelled", "declined", "final", "failed", "compensated"])
def test_a_case_that_is_over_is_never_stuck(scene: Scene, chapter: str) -> None:
    story = scene.stories[chapter]
    with scene.database.reading() as connection:
        found = waiting(connection, scene.now + timedelta(days=90))

    own = {story.order_id, story.cancellation_id}
    assert not [s for s in found if s.subject in own and s.kind is not StuckKind.MAIL_WAITING]


def test_a_fresh_book_has_nothing_stuck(database: Database) -> None:
    story = Story(database).buy().request()

    with database.reading() as connection:
        assert waiting(connection, story.at) == []


@pytest.mark.parametrize(
    ("kind", "chapter", "patience"),
    [
        (StuckKind.STEP_OVERDUE, "placed", timedelta(minutes=5)),
        (StuckKind.STEP_OVERDUE, "approved", timedelta(minutes=5)),
        (StuckKind.STEP_OVERDUE, "suspended", timedelta(minutes=5)),
        (StuckKind.STEP_OVERDUE, "credited", timedelta(minutes=5)),
        (StuckKind.APPROVAL_OVERDUE, "waiting", timedelta(days=5)),
    ],
)
def test_a_case_is_stuck_once_its_patience_is_over(
    scene: Scene, kind: StuckKind, chapter: str, patience: timedelta
) -> None:
    story = scene.stories[chapter]
    subject = story.order_id if chapter == "placed" else story.cancellation_id
    with scene.database.reading() as connection:
        since = _since(connection, subject, kind)

        assert _find(connection, kind, subject, since + patience) is None
        found = _find(connection, kind, subject, since + patience + SECOND)

    assert found is not None
    assert found.since == since
    assert found.remedy


def test_a_charged_order_waits_for_keys_with_its_products_named(database: Database) -> None:
    story = Story(database).place().charge()

    with database.reading() as connection:
        found = _find(
            connection, StuckKind.STOCK_MISSING, story.order_id, story.at + timedelta(minutes=6)
        )

    assert found is not None
    assert "DG7GMGF0D5RK:0004" in found.why


@pytest.mark.parametrize(
    ("sql", "kind", "subject", "after"),
    [
        (INBOX.format(status="received"), StuckKind.EVENT_WAITING, "house-portal e1", 61 * SECOND),
        (INBOX.format(status="parked"), StuckKind.EVENT_PARKED, "house-portal e1", 0 * SECOND),
        (
            FLAG.format(case="approved_case"),
            StuckKind.NEEDS_ATTENTION,
            ":approved_case",
            0 * SECOND,
        ),
    ],
)
def test_what_neighbours_leave_lying_is_found(
    scene: Scene, sql: str, kind: StuckKind, subject: str, after: timedelta
) -> None:
    names = scene.names()
    with scene.database.engine.connect() as connection:
        statement = text(sql)
        wanted = {name: names[name] for name in statement.compile().params}
        connection.execute(statement, wanted)
        who = str(names[subject[1:]]) if subject.startswith(":") else subject

        found = _find(connection, kind, who, scene.now + after)

        connection.rollback()
    assert found is not None


def test_mails_that_wait_or_failed_are_found_without_addresses(database: Database) -> None:
    story = Story(database).buy()
    later = story.at + timedelta(minutes=16)
    with database.transaction() as connection:
        assert [s.kind for s in waiting(connection, later)] == [StuckKind.MAIL_WAITING]
        connection.exec_driver_sql("UPDATE outbox SET status = 'failed' WHERE channel = 'mail'")

        failed = waiting(connection, later)

        assert [s.kind for s in failed] == [StuckKind.MAIL_FAILED]
        assert "@" not in failed[0].why
        assert waiting(connection, later + timedelta(days=8)) == []


def test_nothing_stuck_tells_contact_data(scene: Scene) -> None:
    with scene.database.reading() as connection:
        found = waiting(connection, scene.now + timedelta(days=6))

    told = " ".join(f"{s.subject} {s.why} {s.remedy}" for s in found)
    assert len({s.kind for s in found}) >= 3
    assert CONTACT.email not in told
    assert CONTACT.name not in told


def test_open_cases_are_those_that_need_a_workflow(scene: Scene) -> None:
    with scene.database.reading() as connection:
        needed = {row.workflow_id: row for row in open_cases(connection)}
        again = {row.workflow_id: row for row in cases(connection, needed)}
        nothing = cases(connection, [])

    waiting_case = scene.stories["waiting"]
    assert needed[f"purchase:{waiting_case.order_id}"].status == "fulfilled"
    assert needed[f"cancellation:{waiting_case.line_id}"].subject == waiting_case.cancellation_id
    over = scene.stories["cancelled"]
    assert f"purchase:{over.order_id}" not in needed
    assert f"cancellation:{over.line_id}" not in needed
    assert (again, nothing) == (needed, [])


def test_every_kind_of_waiting_tells_what_to_do() -> None:
    assert all(wait.remedy.endswith(".") for wait in WAITS)
    assert len({wait.kind for wait in WAITS}) == len(WAITS)


def _since(connection: Connection, subject: str, kind: StuckKind) -> datetime:
    found = _find(connection, kind, subject, PLACED_AT + timedelta(days=30))
    assert found is not None
    assert found.since is not None
    return found.since


def _find(connection: Connection, kind: StuckKind, subject: str, now: datetime) -> Stuck | None:
    found = [s for s in waiting(connection, now) if s.kind is kind and s.subject == subject]
    return found[0] if found else None

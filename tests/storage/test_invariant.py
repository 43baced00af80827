"""The proof of the proof: no false alarm on a whole book, and every planted corruption is found."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from storage.embedded import EmbeddedPostgres
from storage.engine import Database
from storage.invariant import Invariant
from storage.verify import INVARIANTS, examine, verify
from tests.factories import CONTACT, PLACED_AT, Story, tell_all
from tests.fixtures.postgres import copy_of
from tests.storage.corruptions import CORRUPTIONS, OTHERS, Corruption

# Later than every age a rule allows for, and before the mails of the scene are overdue.
NOW = PLACED_AT + timedelta(minutes=40)


@pytest.fixture(scope="module")
def scene(
    postgres: EmbeddedPostgres, demo_template: str
) -> Iterator[tuple[Database, dict[str, Story]]]:
    """One database with a case at every stage; who spoils it rolls back."""
    with copy_of(postgres, demo_template) as database:
        yield database, tell_all(database)


def test_verify_finds_nothing_in_the_demo_world(database: Database) -> None:
    report = verify(database, NOW)

    assert report.breaches == ()
    assert len(report.findings) == len(INVARIANTS)


def test_verify_finds_nothing_in_a_case_at_every_stage(
    scene: tuple[Database, dict[str, Story]],
) -> None:
    database, _ = scene

    assert verify(database, NOW).breaches == ()


def test_verify_finds_nothing_after_every_single_step(database: Database) -> None:
    story = Story(database)
    told = [story.place, story.charge, story.deliver, story.reveal, story.share, story.request]
    told += [story.decide, story.suspend, story.credit, story.revoke, story.close, story.finish]
    for step in told:
        step()

        assert verify(database, story.at).breaches == (), step.__name__


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: f"{c.code}: {c.name}")
def test_verify_finds_a_planted_corruption(
    corruption: Corruption, scene: tuple[Database, dict[str, Story]]
) -> None:
    database, stories = scene
    with database.engine.connect() as connection:
        _plant(connection, corruption, stories)

        report = examine(connection, NOW)

        connection.rollback()
    found = {breach.code: breach.rows for breach in report.breaches}
    assert corruption.code in found
    shown = " ".join(f"{row.subject} {row.detail}" for rows in found.values() for row in rows)
    assert CONTACT.email not in shown
    assert CONTACT.name not in shown


def test_every_invariant_has_a_corruption_and_a_code_of_its_own() -> None:
    codes = [invariant.code for invariant in INVARIANTS]

    assert len(codes) == len(set(codes))
    assert {corruption.code for corruption in CORRUPTIONS} == set(codes)
    assert {f"I{number}" for number in range(1, 24)} <= set(codes)


def test_verify_tells_its_progress(database: Database) -> None:
    heard: list[Invariant] = []

    verify(database, NOW, heard.append)

    assert heard == list(INVARIANTS)


def _plant(connection: Connection, corruption: Corruption, stories: dict[str, Story]) -> None:
    names = {"now": NOW} | OTHERS
    for chapter, story in stories.items():
        names |= {f"{chapter}_order": story.order_id, f"{chapter}_line": story.line_id}
        names |= {
            f"{chapter}_case": story.cancellation_id,
            f"{chapter}_software": story.software_id,
        }
    for constraint in corruption.drops:
        _drop(connection, constraint)
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
    changed = 0
    for sql in corruption.sql.split("; "):
        statement = text(sql)
        wanted = {name: names[name] for name in statement.compile().params}
        changed += connection.execute(statement, wanted).rowcount
    assert changed > 0, "nothing was corrupted"


def _drop(connection: Connection, constraint: str) -> None:
    table, _, name = constraint.partition(".")
    if not name:
        connection.exec_driver_sql(f"DROP INDEX {table}")
        return
    connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE")

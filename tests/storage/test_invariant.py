"""The proof of the proof: no false alarm on a whole book, and every planted corruption is found."""

import pytest
from sqlalchemy import Connection, text

from storage.engine import Database
from storage.invariant import Invariant
from storage.verify import INVARIANTS, examine, verify
from tests.factories import CONTACT, PLACED_AT, Story
from tests.storage.conftest import Scene
from tests.storage.corruptions.attachment import ATTACHMENTS
from tests.storage.corruptions.case import CASES
from tests.storage.corruptions.decision import DECISIONS
from tests.storage.corruptions.delivery import DELIVERIES
from tests.storage.corruptions.download import DOWNLOADS
from tests.storage.corruptions.money import MONEY
from tests.storage.corruptions.notice import NOTICES
from tests.storage.corruptions.order import ORDERS
from tests.storage.corruptions.outside_ticket import OUTSIDE_TICKETS
from tests.storage.corruptions.product_key import KEYS
from tests.storage.corruptions.record import RECORDS
from tests.storage.corruptions.replacement import REPLACEMENTS
from tests.storage.corruptions.revocation import REVOCATIONS
from tests.storage.corruptions.session import SESSIONS
from tests.storage.corruptions.shape import Corruption
from tests.storage.corruptions.statement import STATEMENTS
from tests.storage.corruptions.tenancy import TENANTS
from tests.storage.corruptions.ticket import TICKETS

CORRUPTIONS = (
    *MONEY,
    *ORDERS,
    *KEYS,
    *DOWNLOADS,
    *REPLACEMENTS,
    *CASES,
    *TENANTS,
    *TICKETS,
    *ATTACHMENTS,
    *RECORDS,
    *NOTICES,
    *DELIVERIES,
    *REVOCATIONS,
    *STATEMENTS,
    *DECISIONS,
    *OUTSIDE_TICKETS,
    *SESSIONS,
)


def test_verify_finds_nothing_in_the_demo_world(database: Database) -> None:
    report = verify(database, PLACED_AT)

    assert report.breaches == ()
    assert len(report.findings) == len(INVARIANTS)


def test_verify_finds_nothing_in_a_case_at_every_stage(scene: Scene) -> None:
    assert verify(scene.database, scene.now).breaches == ()


def test_verify_finds_nothing_after_every_single_step(database: Database) -> None:
    story = Story(database)
    told = [story.place, story.charge, story.deliver, story.reveal, story.share, story.download]
    told += [
        story.request,
        story.decide,
        story.suspend,
        story.credit,
        story.revoke,
        story.close,
        story.finish,
    ]
    for step in told:
        step()

        assert verify(database, story.at).breaches == (), step.__name__


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: f"{c.code}: {c.name}")
def test_verify_finds_a_planted_corruption(corruption: Corruption, scene: Scene) -> None:
    with scene.database.engine.connect() as connection:
        _plant(connection, corruption, scene.names())

        report = examine(connection, scene.now)

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

    verify(database, PLACED_AT, heard.append)

    assert heard == list(INVARIANTS)


def _plant(connection: Connection, corruption: Corruption, names: dict[str, object]) -> None:
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

"""Sessions in the book: found by their secret while they live, ended by their own person, told in the audit trail."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from models.errors import NotFound
from models.session import Session, SignInMethod
from models.tables.column import table
from models.tables.principal import UserRoleRow, UserRow
from models.tables.record import AuditRow
from models.tables.session import SessionRow
from storage.engine import Database
from storage.session import end_session, end_sessions, find_seat, sessions_of, start_session
from tests.factories import APPROVER, BUYER, OTHER_APPROVER, PARTNER, PLACED_AT
from tests.fixtures.session import TERMS

_LATER = PLACED_AT + timedelta(minutes=5)


def _start(
    database: Database,
    secret: bytes = b"secret",
    user_id: str = APPROVER,
    at: datetime = PLACED_AT,
    replaces: bytes | None = None,
) -> Session:
    return start_session(
        database,
        secret_sha256=secret,
        user_id=user_id,
        method=SignInMethod.DEV,
        device="Firefox on Linux",
        at=at,
        terms=TERMS,
        replaces=replaces,
    )


def _lives(database: Database, secret: bytes, now: datetime) -> bool:
    return find_seat(database, secret, now, TERMS) is not None


def test_its_secret_leads_to_its_person(database: Database) -> None:
    started = _start(database)

    seat = find_seat(database, b"secret", _LATER, TERMS)

    assert seat is not None
    assert seat.session.id == started.id
    assert seat.principal.user_id == APPROVER
    assert "refund_approver" in seat.principal.roles
    assert not _lives(database, b"another", _LATER)


def test_it_runs_out_when_nobody_uses_it(database: Database) -> None:
    _start(database)
    last = PLACED_AT + TERMS.idle - timedelta(seconds=1)
    assert _lives(database, b"secret", last)
    # That was a use, so the idle time runs anew.
    assert _lives(database, b"secret", last + TERMS.idle - timedelta(seconds=1))
    assert not _lives(database, b"secret", last + 3 * TERMS.idle)


def test_it_runs_out_at_its_end_however_busy(database: Database) -> None:
    _start(database)
    now = PLACED_AT
    while now + timedelta(minutes=20) < PLACED_AT + TERMS.absolute:
        now += timedelta(minutes=20)
        assert _lives(database, b"secret", now)
    assert not _lives(database, b"secret", PLACED_AT + TERMS.absolute)


def test_a_use_is_written_down_once_a_minute(database: Database) -> None:
    _start(database)
    sessions = table(SessionRow)
    for seconds, seen in ((59, 0), (60, 60), (90, 60)):
        _lives(database, b"secret", PLACED_AT + timedelta(seconds=seconds))
        with database.reading() as connection:
            noted = connection.execute(select(sessions.c.seen_at)).scalar_one()
        assert noted == PLACED_AT + timedelta(seconds=seen)


def test_signing_in_again_ends_what_the_browser_came_with(database: Database) -> None:
    _start(database, b"first", BUYER)
    _start(database, b"second", APPROVER, _LATER, replaces=b"first")
    assert not _lives(database, b"first", _LATER)
    assert _lives(database, b"second", _LATER)


def test_somebody_gone_is_signed_out_at_once(database: Database) -> None:
    _start(database)
    users = table(UserRow)
    with database.transaction() as connection:
        connection.execute(users.update().where(users.c.id == APPROVER).values(active=False))
    assert not _lives(database, b"secret", _LATER)


def test_a_role_taken_away_is_gone_at_the_next_act(database: Database) -> None:
    _start(database)
    roles = table(UserRoleRow)
    with database.transaction() as connection:
        connection.execute(roles.delete().where(roles.c.user_id == APPROVER))
    seat = find_seat(database, b"secret", _LATER, TERMS)
    assert seat is not None
    assert seat.principal.roles == frozenset()


def test_a_person_sees_and_ends_their_own(database: Database) -> None:
    first, second = _start(database, b"1"), _start(database, b"2", at=_LATER)
    foreign = _start(database, b"3", OTHER_APPROVER)
    with database.reading() as connection:
        listed = sessions_of(connection, APPROVER, _LATER, TERMS)
    assert [session.id for session in listed] == [second.id, first.id]

    end_session(database, APPROVER, first.id, _LATER)

    assert not _lives(database, b"1", _LATER)
    for not_ones_own in (first.id, foreign.id, "ses_never"):
        with pytest.raises(NotFound):
            end_session(database, APPROVER, not_ones_own, _LATER)
    assert _lives(database, b"3", _LATER)


def test_everywhere_means_everywhere_and_nobody_else(database: Database) -> None:
    for secret in (b"1", b"2"):
        _start(database, secret)
    _start(database, b"3", OTHER_APPROVER)
    assert end_sessions(database, APPROVER, _LATER) == 2
    assert [_lives(database, secret, _LATER) for secret in (b"1", b"2", b"3")] == [
        False,
        False,
        True,
    ]
    assert end_sessions(database, APPROVER, _LATER) == 0


def test_beginning_and_end_are_in_the_audit_trail(database: Database) -> None:
    started = _start(database, user_id=BUYER)
    end_session(database, BUYER, started.id, _LATER)
    audit = table(AuditRow)
    with database.reading() as connection:
        rows = connection.execute(
            select(audit.c.action, audit.c.actor_id, audit.c.partner_id, audit.c.happened_at)
            .where(audit.c.subject_id == started.id)
            .order_by(audit.c.id)
        ).all()
    assert [tuple(row) for row in rows] == [
        ("session.started", BUYER, PARTNER, PLACED_AT),
        ("session.ended", BUYER, PARTNER, _LATER),
    ]

"""Sessions in the book: begun at sign-in, found by the hash of their secret, ended here or everywhere."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from models.errors import NotFound
from models.ids import Prefix, new_id
from models.session import Seat, Session, SessionTerms, SignInMethod
from models.tables.column import table
from models.tables.principal import UserRow
from models.tables.record import AuditRow
from models.tables.session import SessionRow
from rules.session import SEEN_EVERY, is_live
from storage.engine import Database
from storage.key_import import HOUSE_STREAM
from storage.principal import principal_of

_sessions = table(SessionRow)
_users = table(UserRow)
_audit = table(AuditRow)

_SHOWN = [_sessions.c[name] for name in Session.model_fields]


def start_session(
    database: Database,
    *,
    secret_sha256: bytes,
    user_id: str,
    method: SignInMethod,
    device: str,
    at: datetime,
    terms: SessionTerms,
    replaces: bytes | None = None,
) -> Session:
    """A new session under a new secret; the one that this browser came with, whosever it was, ends."""
    started = Session(
        id=new_id(Prefix.SESSION),
        user_id=user_id,
        method=method,
        device=device,
        started_at=at,
        seen_at=at,
        expires_at=at + terms.absolute,
    )
    with database.transaction() as connection:
        if replaces is not None:
            _end(connection, at, _sessions.c.secret_sha256 == replaces)
        row = started.model_dump() | {"secret_sha256": secret_sha256}
        connection.execute(insert(_sessions).values(**row))
        _record(connection, at, user_id, "session.started", [started.id], method=method)
    return started


def find_seat(
    database: Database, secret_sha256: bytes, now: datetime, terms: SessionTerms
) -> Seat | None:
    """The live session of this secret with its person; None if it ended, ran out, or its person is gone."""
    with database.reading() as connection:
        row = connection.execute(
            _open().where(_sessions.c.secret_sha256 == secret_sha256)
        ).one_or_none()
        session = None if row is None else _session(row)
        if session is None or not is_live(session, now, terms.idle):
            return None
        principal = principal_of(connection, session.user_id)
    if principal is None:
        return None
    if now >= session.seen_at + SEEN_EVERY:
        _see(database, session.id, now)
    return Seat(session=session, principal=principal)


def sessions_of(
    connection: Connection, user_id: str, now: datetime, terms: SessionTerms
) -> list[Session]:
    """Where somebody is signed in now, the newest first."""
    rows = connection.execute(
        _open().where(_sessions.c.user_id == user_id).order_by(_sessions.c.started_at.desc())
    )
    return [session for row in rows if is_live(session := _session(row), now, terms.idle)]


def end_session(database: Database, user_id: str, session_id: str, at: datetime) -> None:
    """End one of one's own sessions; NotFound for anybody else's, and for one that ended before."""
    own = (_sessions.c.user_id == user_id) & (_sessions.c.id == session_id)
    with database.transaction() as connection:
        if not _end(connection, at, own):
            raise NotFound("session")


def end_sessions(database: Database, user_id: str, at: datetime) -> int:
    """End every session of a person, this one too; how many there were."""
    with database.transaction() as connection:
        return _end(connection, at, _sessions.c.user_id == user_id)


def _end(connection: Connection, at: datetime, which: Any) -> int:
    ended = connection.execute(
        update(_sessions)
        .where(which, _sessions.c.ended_at.is_(None))
        .values(ended_at=at)
        .returning(_sessions.c.id, _sessions.c.user_id)
    ).all()
    for user_id in sorted({row.user_id for row in ended}):
        ids = sorted(row.id for row in ended if row.user_id == user_id)
        _record(connection, at, user_id, "session.ended", ids)
    return len(ended)


def _see(database: Database, session_id: str, at: datetime) -> None:
    with database.transaction() as connection:
        connection.execute(
            update(_sessions)
            .where(
                _sessions.c.id == session_id,
                _sessions.c.ended_at.is_(None),
                _sessions.c.seen_at < at,
            )
            .values(seen_at=at)
        )


def _open() -> Select[Any]:
    return select(*_SHOWN).where(_sessions.c.ended_at.is_(None))


def _session(row: Row[Any]) -> Session:
    return Session.model_validate(dict(row._mapping))


def _record(
    connection: Connection,
    at: datetime,
    user_id: str,
    action: str,
    session_ids: list[str],
    **details: str,
) -> None:
    partner_id = connection.execute(
        select(_users.c.partner_id).where(_users.c.id == user_id)
    ).scalar_one()
    entries = [
        {
            "stream": HOUSE_STREAM,
            "happened_at": at,
            "actor_id": user_id,
            "action": action,
            "subject_id": session_id,
            "partner_id": partner_id,
            "details": details,
        }
        for session_id in session_ids
    ]
    connection.execute(insert(_audit), entries)

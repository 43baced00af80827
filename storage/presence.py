"""Who has a ticket open: a sign of presence counts for a while, and is neither an effect nor in the audit."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, case, delete, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from models.errors import NotFound
from models.presence import PRESENT_FOR, Viewer
from models.principal import Principal
from models.tables.column import table
from models.tables.presence import PresenceRow
from models.tables.principal import UserRoleRow, UserRow
from rules.permission import ALLOWED, Act
from storage.case import tickets
from storage.engine import Database
from storage.scope import within

presences = table(PresenceRow)
_users = table(UserRow)
_roles = table(UserRoleRow)

_FORGET_AFTER = timedelta(hours=1)
_FORGET_AT_ONCE = 100


def note_presence(database: Database, principal: Principal, ticket_id: str, at: datetime) -> None:
    """The caller looks at this ticket now; NotFound unless they may see it."""
    with database.transaction() as connection:
        query = select(tickets.c.id).where(tickets.c.id == ticket_id)
        if connection.execute(within(query, tickets, principal)).one_or_none() is None:
            raise NotFound("ticket")
        _write(connection, ticket_id, principal.user_id, at)
        _forget(connection, at)


def viewers_of(
    connection: Connection, ticket_id: str, at: datetime, *, but: str
) -> tuple[Viewer, ...]:
    """Who looks at it, whoever came first at the head; nobody who may not see it any more, nor the reader `but`."""
    may_see = (
        select(_roles.c.user_id)
        .where(_roles.c.user_id == _users.c.id, _roles.c.role.in_(ALLOWED[Act.READ_BRIEF]))
        .exists()
    )
    found = connection.execute(
        select(presences, _users.c.name)
        .join(_users, _users.c.id == presences.c.user_id)
        .join(tickets, tickets.c.id == presences.c.ticket_id)
        .where(
            presences.c.ticket_id == ticket_id,
            presences.c.seen_until > at,
            presences.c.user_id != but,
            _users.c.active,
            _users.c.customer_id.is_(None),
            or_(_users.c.partner_id.is_(None), _users.c.partner_id == tickets.c.partner_id),
            may_see,
        )
        .order_by(presences.c.since, presences.c.user_id)
    )
    return tuple(
        Viewer(user_id=row.user_id, name=row.name, since=row.since, seen_at=row.seen_at)
        for row in found
    )


def _write(connection: Connection, ticket_id: str, user_id: str, at: datetime) -> None:
    """Whoever comes back before their last sign is over was there all the time."""
    new = upsert(presences).values(
        ticket_id=ticket_id, user_id=user_id, since=at, seen_at=at, seen_until=at + PRESENT_FOR
    )
    stayed = presences.c.seen_until > new.excluded.seen_at
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[presences.c.ticket_id, presences.c.user_id],
            set_={
                "since": case((stayed, presences.c.since), else_=new.excluded.since),
                "seen_at": new.excluded.seen_at,
                "seen_until": new.excluded.seen_until,
            },
            where=presences.c.seen_at <= new.excluded.seen_at,
        )
    )


def _forget(connection: Connection, at: datetime) -> None:
    """Sweep a few rows that say nothing any more; those that somebody else is at are left to them."""
    key = (presences.c.ticket_id, presences.c.user_id)
    over = (
        select(*key)
        .where(presences.c.seen_until < at - _FORGET_AFTER)
        .limit(_FORGET_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(presences).where(tuple_(*key).in_(over)))

"""Desk people in the book: whom of the house a person at an outside desk is."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from models.errors import NotFound
from models.outside_ticket import DeskPerson, OutsideAuthor
from models.tables.column import table
from models.tables.outside_ticket import DeskPersonRow
from models.tables.record import AuditRow
from storage.key_import import HOUSE_STREAM
from storage.principal import principal_of

people = table(DeskPersonRow)
_audit = table(AuditRow)


def name_person(connection: Connection, person: DeskPerson, *, at: datetime, by: str) -> None:
    """Let a person at the desk act as this user from now on; the user's own roles say what they may."""
    if principal_of(connection, person.user_id) is None:
        raise NotFound("user")
    connection.execute(
        upsert(people)
        .values(**_key(person.desk, person.name), user_id=person.user_id)
        .on_conflict_do_update(index_elements=["desk", "name"], set_={"user_id": person.user_id})
    )
    _record(connection, "desk_person.named", person, at, by)


def forget_person(connection: Connection, desk: str, name: str, *, at: datetime, by: str) -> None:
    """Nobody acts under this name any longer; NotFound if nobody did."""
    key = _key(desk, name)
    user_id = connection.execute(
        delete(people)
        .where(people.c.desk == key["desk"], people.c.name == key["name"])
        .returning(people.c.user_id)
    ).scalar_one_or_none()
    if user_id is None:
        raise NotFound("desk person")
    gone = DeskPerson(desk=desk, name=name, user_id=user_id)
    _record(connection, "desk_person.forgotten", gone, at, by)


def list_people(connection: Connection, desk: str) -> tuple[DeskPerson, ...]:
    """Everybody who may act at the desk, by name."""
    rows = connection.execute(select(people).where(people.c.desk == desk).order_by(people.c.name))
    return tuple(DeskPerson(desk=row.desk, name=row.name, user_id=row.user_id) for row in rows)


def user_behind(connection: Connection, desk: str, author: OutsideAuthor) -> str | None:
    """The user whom the author is, by their name at the desk, else by their e-mail there."""
    names = [name.lower() for name in (author.name, author.email) if name]
    query = select(people.c.name, people.c.user_id).where(
        people.c.desk == desk, people.c.name.in_(names)
    )
    known = {row.name: row.user_id for row in connection.execute(query)}
    return next((known[name] for name in names if name in known), None)


def _key(desk: str, name: str) -> dict[str, str]:
    return {"desk": desk, "name": name.strip().lower()}


def _record(connection: Connection, action: str, person: DeskPerson, at: datetime, by: str) -> None:
    """Who may act at a desk decides about money, so it stands in the audit; names there may be addresses and do not."""
    entry = {
        "stream": HOUSE_STREAM,
        "happened_at": at,
        "actor_id": by,
        "action": action,
        "subject_id": person.user_id,
        "details": {"desk": person.desk},
    }
    connection.execute(insert(_audit), [entry])

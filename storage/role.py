"""Roles as an identity provider gives them: brought to the book at sign-in, where that is wanted."""

from collections.abc import Set
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from models.ids import SYSTEM_USER
from models.principal import Role
from models.tables.column import table
from models.tables.principal import UserRoleRow, UserRow
from models.tables.record import AuditRow
from storage.engine import Database
from storage.key_import import HOUSE_STREAM

_roles = table(UserRoleRow)
_users = table(UserRow)
_audit = table(AuditRow)


def bring_roles(
    database: Database,
    user_id: str,
    *,
    given: frozenset[Role],
    governed: frozenset[Role],
    at: datetime,
) -> bool:
    """Of the governed roles the user holds those given from now on; all others are left alone. Whether any changed."""
    with database.transaction() as connection:
        # One after the other, so that two sign-ins at once do not both find a role missing.
        connection.execute(select(_users.c.id).where(_users.c.id == user_id).with_for_update())
        own = select(_roles.c.role).where(_roles.c.user_id == user_id)
        held = {Role(role) for role in connection.execute(own).scalars()}
        taken, added = held & governed - given, given & governed - held
        if taken:
            connection.execute(
                delete(_roles).where(_roles.c.user_id == user_id, _roles.c.role.in_(taken))
            )
        if added:
            rows = [{"user_id": user_id, "role": role} for role in sorted(added)]
            connection.execute(insert(_roles), rows)
        if taken or added:
            _record(connection, user_id, taken, added, at)
    return bool(taken or added)


def _record(
    connection: Connection, user_id: str, taken: Set[Role], added: Set[Role], at: datetime
) -> None:
    partner_id = select(_users.c.partner_id).where(_users.c.id == user_id).scalar_subquery()
    connection.execute(
        insert(_audit).values(
            stream=HOUSE_STREAM,
            happened_at=at,
            actor_id=SYSTEM_USER,
            action="user.roles_brought",
            subject_id=user_id,
            partner_id=partner_id,
            details={"taken": sorted(taken), "added": sorted(added)},
        )
    )

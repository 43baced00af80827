"""Users, their roles, and who is asked for what: read at every act, never trusted from a token."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, func, or_, select

from models.principal import Acquaintance, EventSource, Principal, Role
from models.tables.catalogue import CustomerRow
from models.tables.column import table
from models.tables.principal import EventSourceRow, PartnerRow, UserRoleRow, UserRow

_users = table(UserRow)
_roles = table(UserRoleRow)
_sources = table(EventSourceRow)
_partners = table(PartnerRow)
_customers = table(CustomerRow)


def principal_of(connection: Connection, user_id: str) -> Principal | None:
    """An active user with the roles held now."""
    row = connection.execute(
        select(
            _users.c.name,
            _users.c.partner_id,
            _users.c.customer_id,
            func.array_remove(func.array_agg(_roles.c.role), None).label("roles"),
        )
        .join_from(_users, _roles, isouter=True)
        .where(_users.c.id == user_id, _users.c.active)
        .group_by(_users.c.id)
    ).one_or_none()
    if row is None:
        return None
    return Principal(
        user_id=user_id,
        name=row.name,
        roles=frozenset(Role(role) for role in row.roles),
        partner_id=row.partner_id,
        customer_id=row.customer_id,
    )


def user_of_subject(connection: Connection, subject: str) -> str | None:
    """The active user whom the identity provider calls `subject`."""
    found = select(_users.c.id).where(_users.c.subject == subject, _users.c.active)
    user_id: str | None = connection.execute(found).scalar_one_or_none()
    return user_id


def names_of(connection: Connection, user_ids: Iterable[str]) -> dict[str, str]:
    """What these users are called, whether or not they may still come in."""
    found = select(_users.c.id, _users.c.name).where(_users.c.id.in_(set(user_ids)))
    return {row.id: row.name for row in connection.execute(found.order_by(_users.c.id))}


def approvers_for(connection: Connection, partner_id: str) -> list[str]:
    """Who may decide a case of this partner: approvers of the house and of the partner itself."""
    in_sight = or_(_users.c.partner_id.is_(None), _users.c.partner_id == partner_id)
    return _holders(connection, Role.REFUND_APPROVER, in_sight)


def operators(connection: Connection) -> list[str]:
    """Who mends stuck cases: the house's operators."""
    return _holders(connection, Role.OPERATOR, _users.c.partner_id.is_(None))


def admin_agents_of(connection: Connection, partner_id: str) -> list[str]:
    """Who buys and cancels at this partner."""
    return _holders(connection, Role.ADMIN_AGENT, _users.c.partner_id == partner_id)


def user_for_role(connection: Connection, role: Role) -> str | None:
    """One active user with the role, always the same one: whom a development token stands for."""
    found = (
        select(_users.c.id)
        .join_from(_users, _roles)
        .where(_roles.c.role == role, _users.c.active)
        .order_by(_users.c.id)
        .limit(1)
    )
    user_id: str | None = connection.execute(found).scalar_one_or_none()
    return user_id


def acquaintances(connection: Connection) -> list[Acquaintance]:
    """Every active person who holds a role, with the partner or customer they belong to, by name."""
    found = connection.execute(
        select(
            _users.c.id,
            _users.c.name,
            func.array_agg(_roles.c.role).label("roles"),
            func.coalesce(func.max(_customers.c.name), func.max(_partners.c.name)).label("house"),
        )
        .join_from(_users, _roles)
        .join(_partners, _partners.c.id == _users.c.partner_id, isouter=True)
        .join(_customers, _customers.c.id == _users.c.customer_id, isouter=True)
        .where(_users.c.active)
        .group_by(_users.c.id)
        .order_by(_users.c.name)
    )
    return [
        Acquaintance(
            user_id=row.id,
            name=row.name,
            roles=tuple(sorted(Role(role) for role in row.roles)),
            house=row.house,
        )
        for row in found
    ]


def event_source(connection: Connection, source: str) -> EventSource | None:
    """A registered sender of events."""
    found = select(_sources).where(_sources.c.source == source)
    row = connection.execute(found).one_or_none()
    return EventSource(name=row.source, partner_id=row.partner_id) if row else None


def _holders(connection: Connection, role: Role, where: ColumnElement[bool]) -> list[str]:
    """Active holders of a role, by id; never a customer's own users, whatever roles they hold."""
    found = (
        select(_users.c.id)
        .join_from(_users, _roles)
        .where(_roles.c.role == role, _users.c.active, _users.c.customer_id.is_(None), where)
        .order_by(_users.c.id)
    )
    return list(connection.execute(found).scalars())

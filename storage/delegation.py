"""Delegations in the book: made, revoked, listed, and who acts for whom at an instant."""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from models.delegation import Delegation, DelegationDraft
from models.errors import Conflict, NotFound
from models.principal import Principal
from models.tables.column import table
from models.tables.delegation import DelegationRow
from models.tables.principal import UserRow
from models.tables.record import AuditRow
from rules.delegation import require_delegable
from storage.engine import Database, constraint_of
from storage.key_import import HOUSE_STREAM
from storage.principal import principal_of

delegations = table(DelegationRow)
_users = table(UserRow)
_audit = table(AuditRow)


def make_delegation(
    database: Database,
    draft: DelegationDraft,
    delegation_id: str,
    caller: Principal,
    at: datetime,
) -> Delegation:
    """Have the delegate act for the approver; the same id again answers what it made."""
    try:
        with database.transaction("make_delegation") as connection:
            made = _find(connection, delegation_id)
            return made or _make(connection, draft, delegation_id, caller, at)
    except IntegrityError as error:
        if constraint_of(error) != "delegations_one_at_a_time":
            raise
        raise Conflict(
            "delegation_overlaps", "This delegate acts for this approver in that time already."
        ) from error


def _make(
    connection: Connection,
    draft: DelegationDraft,
    delegation_id: str,
    caller: Principal,
    at: datetime,
) -> Delegation:
    approver_id = draft.approver_id or caller.user_id
    approver = principal_of(connection, approver_id)
    require_delegable(draft, caller, approver, principal_of(connection, draft.delegate_id), at)
    connection.execute(
        insert(delegations).values(
            id=delegation_id,
            approver_id=approver_id,
            delegate_id=draft.delegate_id,
            begins_at=draft.begins_at,
            ends_at=draft.ends_at,
            made_by=caller.user_id,
            made_at=at,
        )
    )
    _note(connection, delegation_id, "delegation.made", caller, approver, at)
    made = _find(connection, delegation_id)
    assert made is not None
    return made


def revoke_delegation(
    database: Database, delegation_id: str, caller: Principal, at: datetime
) -> Delegation:
    """End one before its time, by its approver or an operator; one that was revoked stays as it is.

    It ends no earlier than the last decision that was taken under it.
    """
    with database.transaction("revoke_delegation") as connection:
        found = connection.execute(
            select(delegations).where(delegations.c.id == delegation_id).with_for_update()
        ).one_or_none()
        approver = principal_of(connection, found.approver_id) if found else None
        own = found is not None and found.approver_id == caller.user_id
        if found is None or not (own or caller.is_staff):
            raise NotFound("delegation")
        if found.revoked_at is None:
            last = select(func.keydesk_last_use(delegation_id)).scalar_subquery()
            connection.execute(
                update(delegations)
                .where(delegations.c.id == delegation_id)
                .values(revoked_by=caller.user_id, revoked_at=func.greatest(at, last))
            )
            _note(connection, delegation_id, "delegation.revoked", caller, approver, at)
        revoked = _find(connection, delegation_id)
    assert revoked is not None
    return revoked


def list_delegations(
    connection: Connection, caller: Principal, *, after: str | None = None, limit: int = 50
) -> list[Delegation]:
    """Newest first: of the house and all partners for house staff, of their own partner for others."""
    query = (
        select(delegations)
        .join(_users, _users.c.id == delegations.c.approver_id)
        .order_by(delegations.c.id.desc())
        .limit(limit)
    )
    if not caller.is_staff:
        query = query.where(_users.c.partner_id == caller.partner_id)
    if after is not None:
        query = query.where(delegations.c.id < after)
    return [Delegation.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def acts_for(connection: Connection, delegate_id: str, approver_id: str, at: datetime) -> bool:
    """Whether this person may decide for that approver at this instant, under a delegation that stands now."""
    valid = select(delegations.c.id).where(
        delegations.c.delegate_id == delegate_id,
        delegations.c.approver_id == approver_id,
        delegations.c.begins_at <= at,
        delegations.c.ends_at > at,
        delegations.c.revoked_at.is_(None),
    )
    return connection.execute(valid).first() is not None


def acting_for(
    connection: Connection, requester_id: str, since: datetime, at: datetime
) -> frozenset[str]:
    """Everybody who acted for this person at any time between two instants, also through others."""
    found = connection.execute(select(func.keydesk_acting_for(requester_id, since, at)))
    return frozenset(found.scalars())


def _find(connection: Connection, delegation_id: str) -> Delegation | None:
    row = connection.execute(
        select(delegations).where(delegations.c.id == delegation_id)
    ).mappings()
    found = row.one_or_none()
    return None if found is None else Delegation.model_validate(dict(found))


def _note(
    connection: Connection,
    delegation_id: str,
    action: str,
    caller: Principal,
    approver: Principal | None,
    at: datetime,
) -> None:
    entry = {
        "stream": HOUSE_STREAM,
        "happened_at": at,
        "actor_id": caller.user_id,
        "action": action,
        "subject_id": delegation_id,
        "partner_id": None if approver is None else approver.partner_id,
        "details": {},
    }
    connection.execute(insert(_audit), [entry])

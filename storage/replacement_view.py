"""Replacements as the doors show them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select, tuple_

from models.ids import replacement_workflow_id
from models.principal import Principal
from models.replacement import REPLACEMENT_OVER, Replacement, ReplacementStatus
from storage.case import software
from storage.open_case import replacements
from storage.pool import keys
from storage.scope import within

_REPLACEMENT = (
    select(replacements, keys.c.unit_number, software.c.id.label("software_id"))
    .join(keys, keys.c.id == replacements.c.old_key_id)
    .join(software, software.c.line_id == replacements.c.line_id)
)


def list_replacements(
    connection: Connection,
    principal: Principal,
    *,
    status: ReplacementStatus | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Replacement]:
    """Newest first; `after` is the instant and id of the last one seen."""
    query = _REPLACEMENT
    if status is not None:
        query = query.where(replacements.c.status == status)
    place = tuple_(replacements.c.requested_at, replacements.c.id)
    if after is not None:
        query = query.where(place < tuple_(*after))
    ordered = query.order_by(replacements.c.requested_at.desc(), replacements.c.id.desc())
    return _read(connection, principal, ordered.limit(limit))


def find_replacement(
    connection: Connection, principal: Principal, replacement_id: str
) -> Replacement | None:
    """One replacement the caller may see."""
    query = _REPLACEMENT.where(replacements.c.id == replacement_id)
    found = _read(connection, principal, query)
    return found[0] if found else None


def open_replacement_of(
    connection: Connection, principal: Principal, line_id: str
) -> Replacement | None:
    """The replacement that is under way on a line, if there is one."""
    is_open = replacements.c.status.not_in(REPLACEMENT_OVER)
    query = _REPLACEMENT.where(replacements.c.line_id == line_id, is_open)
    return next(iter(_read(connection, principal, query)), None)


def _read(connection: Connection, principal: Principal, query: Select[Any]) -> list[Replacement]:
    rows = connection.execute(within(query, replacements, principal))
    return [_replacement(row) for row in rows]


def _replacement(row: Row[Any]) -> Replacement:
    return Replacement(
        id=row.id,
        order_id=row.order_id,
        line_id=row.line_id,
        software_id=row.software_id,
        partner_id=row.partner_id,
        customer_id=row.customer_id,
        unit_number=row.unit_number,
        old_key_id=row.old_key_id,
        new_key_id=row.new_key_id,
        reason=row.reason,
        requester_id=row.requester_id,
        requested_at=row.requested_at,
        status=row.status,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        note=row.note,
        workflow_id=replacement_workflow_id(row.id),
    )

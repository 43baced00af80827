"""The audit trail as the doors show it; storage/effect.py writes it."""

from sqlalchemy import Connection, false, select

from models.audit import AuditEntry
from models.principal import Principal
from models.tables.column import table
from models.tables.record import AuditRow

_audit = table(AuditRow)
_SHOWN = [column for column in _audit.c if column.name not in ("previous_hash", "hash")]


def list_audit(
    connection: Connection,
    principal: Principal,
    *,
    subject_id: str | None = None,
    after: int | None = None,
    limit: int = 50,
) -> list[AuditEntry]:
    """Newest first; a partner's people see their partner's entries, a customer's see none."""
    query = select(*_SHOWN).order_by(_audit.c.id.desc()).limit(limit)
    if principal.customer_id is not None:
        query = query.where(false())
    elif principal.partner_id is not None:
        query = query.where(_audit.c.partner_id == principal.partner_id)
    if subject_id is not None:
        query = query.where(_audit.c.subject_id == subject_id)
    if after is not None:
        query = query.where(_audit.c.id < after)
    return [AuditEntry.model_validate(dict(row)) for row in connection.execute(query).mappings()]

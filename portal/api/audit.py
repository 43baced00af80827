"""The audit trail over the API: who did what, newest first."""

from typing import Annotated

from fastapi import Query

from models.audit import AuditEntry
from models.principal import Principal
from models.text import Identifier
from portal.auth import allow
from portal.door import door
from portal.pagination import ByNumber, Page
from portal.state import State
from rules.permission import Act
from storage import audit

router = door("audit")


@router.get("/audit", summary="Read the audit trail")
def list_audit(
    caller: Annotated[Principal, allow(Act.READ_AUDIT)],
    state: State,
    paging: ByNumber,
    subject_id: Annotated[Identifier | None, Query(description="Only about this thing.")] = None,
) -> Page[AuditEntry]:
    """A partner's people see what concerns that partner."""
    with state.database.reading() as connection:
        found = audit.list_audit(
            connection, caller, subject_id=subject_id, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda entry: entry.id)

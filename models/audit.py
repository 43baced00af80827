"""The audit trail: who did what to which thing, as the API shows it."""

from typing import Any

from pydantic import AwareDatetime

from models.base import Value


class AuditEntry(Value):
    """One act; `stream` and `number` place it in its hash chain, which `keydesk verify` checks."""

    id: int
    stream: str
    number: int
    happened_at: AwareDatetime
    actor_id: str
    action: str
    subject_id: str
    partner_id: str | None
    details: dict[str, Any]

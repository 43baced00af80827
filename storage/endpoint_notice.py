"""The notice that an endpoint gets nothing any more: to its own people, and to the operators of the house."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, insert

from models.endpoint import DisabledReason
from models.ids import Prefix, new_id
from models.notice import Channel, NoticeKind
from models.tables.column import table
from models.tables.record import OutboxRow
from storage import principal as people

_outbox = table(OutboxRow)


def tell_disabled(
    connection: Connection,
    endpoint: Row[Any],
    delivery: Row[Any],
    reason: DisabledReason,
    at: datetime,
) -> None:
    """One mail per person; of the URL it names the host, since the rest may hold a token."""
    kind = NoticeKind.ENDPOINT_DISABLED
    # An endpoint may be stopped again later: the attempt that brought it about tells the notices apart.
    effect = f"{endpoint.id}/stop-{delivery.id}-{delivery.attempts}"
    facts = {
        "endpoint_id": endpoint.id,
        "host": urlsplit(endpoint.url).hostname,
        "reason": reason,
        "event_type": delivery.type,
    }
    rows = [
        {
            "id": new_id(Prefix.NOTICE),
            "dedupe_key": f"{effect}/{kind}/{recipient}",
            "channel": Channel.MAIL,
            "kind": kind,
            "partner_id": endpoint.partner_id or "",
            "recipient_id": recipient,
            "facts": facts,
            "created_at": at,
            "next_attempt_at": at,
        }
        for recipient in _readers(connection, endpoint)
    ]
    connection.execute(insert(_outbox), rows)


def _readers(connection: Connection, endpoint: Row[Any]) -> list[str]:
    agents = people.admin_agents_of(connection, endpoint.partner_id) if endpoint.partner_id else []
    return sorted({endpoint.created_by, *agents, *people.operators(connection)})

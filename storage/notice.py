"""Notices as people see them: which mails a ticket caused and how they went, and sending one again."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, String, cast, func, insert, or_, select, update

from models.errors import NotFound, Refused
from models.notice import Channel, OutboxStatus
from models.outbox import SentNotice
from models.principal import Principal
from models.receipt import Receipt
from models.tables.column import table
from models.tables.principal import UserRow
from models.tables.record import AuditRow, OutboxRow
from storage.engine import Database
from storage.key_import import HOUSE_STREAM
from storage.scope import within
from storage.ticket_note import find_row, stream_of

_outbox = table(OutboxRow)
_users = table(UserRow)
_audit = table(AuditRow)

_RESENDABLE = (OutboxStatus.SENT, OutboxStatus.FAILED, OutboxStatus.BOUNCED)
_NOTICE: Select[Any] = (
    select(_outbox, _users.c.name.label("recipient_name"))
    .join(_users, _users.c.id == _outbox.c.recipient_id, isouter=True)
    .where(_outbox.c.channel == Channel.MAIL)
)


def list_notices(
    connection: Connection,
    principal: Principal,
    ticket_id: str,
    *,
    after: int | None = None,
    limit: int = 50,
) -> list[SentNotice]:
    """The mails of a ticket that the caller may see, oldest first; a partner's people see those to their own side."""
    ticket = find_row(connection, principal, ticket_id)
    of_ticket = or_(
        _outbox.c.facts["ticket_number"].astext == cast(ticket.number, String),
        func.split_part(_outbox.c.dedupe_key, "/", 1) == ticket.cancellation_id,
    )
    query = _NOTICE.where(
        _outbox.c.order_id == stream_of(ticket), of_ticket, _outbox.c.sequence > (after or 0)
    )
    rows = within(query, _users, principal).order_by(_outbox.c.sequence).limit(limit)
    return [_sent(row) for row in connection.execute(rows)]


def resend_notice(
    database: Database, notice_id: str, operator: Principal, receipt: Receipt
) -> SentNotice:
    """Let a mail go out once more as the same mail; Refused while it waits, or if its reader does without it."""
    with database.transaction("resend_notice") as connection:
        query = within(_NOTICE.where(_outbox.c.id == notice_id), _outbox, operator)
        notice = connection.execute(query.with_for_update(of=_outbox)).one_or_none()
        if notice is None:
            raise NotFound("notice")
        if _is_done(connection, notice, receipt):
            return _sent(notice)
        if notice.status not in _RESENDABLE:
            raise Refused(
                "notice_not_resendable",
                f"This mail is {notice.status}: only one that went out, failed or came back is sent again.",
                status=notice.status,
            )
        connection.execute(
            update(_outbox)
            .where(_outbox.c.id == notice_id)
            .values(
                status=OutboxStatus.PENDING,
                attempts=0,
                resent_at=receipt.received_at,
                next_attempt_at=receipt.received_at,
                sent_at=None,
                bounced_at=None,
            )
        )
        audit_notice(
            connection,
            notice,
            operator.user_id,
            "notice.resent",
            receipt.received_at,
            act_id=receipt.resource_id,
        )
        return _sent(connection.execute(query).one())


def audit_notice(
    connection: Connection,
    notice: Row[Any],
    actor_id: str,
    action: str,
    at: datetime,
    **details: str,
) -> None:
    """Who did what with a mail, in the chain of what it is about. No effect: a case does not move by its mails."""
    entry = {
        "stream": _stream(notice),
        "happened_at": at,
        "actor_id": actor_id,
        "action": action,
        "subject_id": notice.id,
        "partner_id": notice.partner_id,
        "details": {"kind": notice.kind, "recipient_id": notice.recipient_id} | details,
    }
    connection.execute(insert(_audit), [entry])


def _is_done(connection: Connection, notice: Row[Any], receipt: Receipt) -> bool:
    """Whether this very request was honoured before."""
    done = select(_audit.c.id).where(
        _audit.c.stream == _stream(notice),
        _audit.c.action == "notice.resent",
        _audit.c.details["act_id"].astext == receipt.resource_id,
    )
    return connection.execute(done).first() is not None


def _stream(notice: Row[Any]) -> str:
    stream: str = notice.order_id or HOUSE_STREAM
    return stream


def _sent(row: Row[Any]) -> SentNotice:
    waits = row.status == OutboxStatus.PENDING
    return SentNotice(
        id=row.id,
        number=row.sequence,
        kind=row.kind,
        recipient_id=row.recipient_id,
        recipient_name=row.recipient_name,
        status=row.status,
        attempts=row.attempts,
        written_at=row.created_at,
        next_attempt_at=row.next_attempt_at if waits else None,
        sent_at=row.sent_at,
        bounced_at=row.bounced_at,
        last_error=row.last_error,
    )

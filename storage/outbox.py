"""The outbox: claiming mails that are due, and recording how each went."""

import re
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, func, select, text, update

from models.notice import OutboxStatus
from models.outbox import DueNotice, Recipient
from models.outlook import Language
from models.tables.column import table
from models.tables.principal import PartnerRow, UserRow
from models.tables.record import OutboxRow
from rules.outbox import next_attempt
from storage.engine import Database
from storage.notification import off

LEASE = timedelta(minutes=2)
"""How long a claim holds; longer than any one attempt to send, so that no two processes send one mail."""

_ERROR_MAX = 300
_ADDRESS = re.compile(r"\S+@\S+")

_outbox = table(OutboxRow)
_users = table(UserRow)
_partners = table(PartnerRow)
_READER = (
    _users.c.name,
    _users.c.email,
    func.coalesce(_users.c.language, _partners.c.language, Language.ENGLISH).label("language"),
    _users.c.time_zone,
)

_OFF = (
    select(func.coalesce(func.array_agg(off.c.notice_group), text("'{}'")))
    .where(off.c.user_id == _users.c.id)
    .correlate(_users)
    .scalar_subquery()
    .label("off")
)

# Spelled out as in the partial index: events stay pending for ever, and none of them is looked at.
_WAITING = text("outbox.status = 'pending' AND outbox.channel = 'mail'")


def claim_due(database: Database, now: datetime, limit: int) -> tuple[DueNotice, ...]:
    """Take up to `limit` due mails for this process; unless recorded before the lease ends, they are due again."""
    due = (
        select(_outbox.c.id)
        .where(_WAITING, _outbox.c.next_attempt_at <= now)
        .order_by(_outbox.c.next_attempt_at, _outbox.c.sequence)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    claim = (
        update(_outbox)
        .where(_outbox.c.id == due.c.id)
        .values(next_attempt_at=now + LEASE, attempts=_outbox.c.attempts + 1)
        .returning(*_outbox.c)
        .cte("claimed")
    )
    addressed = (
        select(claim, *_READER, _users.c.active, _OFF)
        .join_from(claim, _users, claim.c.recipient_id == _users.c.id, isouter=True)
        .join(_partners, _partners.c.id == _users.c.partner_id, isouter=True)
        .order_by(claim.c.sequence)
    )
    with database.transaction() as connection:
        return tuple(_notice(row) for row in connection.execute(addressed).mappings())


def record_sent(database: Database, notice_id: str, at: datetime) -> None:
    """State that the mail went out."""
    with database.transaction("deliver_notice") as connection:
        connection.execute(
            update(_outbox)
            .where(_outbox.c.id == notice_id, _outbox.c.status == OutboxStatus.PENDING)
            .values(status=OutboxStatus.SENT, sent_at=at, last_error=None)
        )


def record_skipped(database: Database, notice_id: str) -> None:
    """State that the reader did not want this mail; it was not sent, and it shows why."""
    with database.transaction("skip_notice") as connection:
        connection.execute(
            update(_outbox)
            .where(_outbox.c.id == notice_id, _outbox.c.status == OutboxStatus.PENDING)
            .values(status=OutboxStatus.SKIPPED, last_error="The reader chose not to be told.")
        )


def record_failure(
    database: Database, notice_id: str, error: str, *, permanent: bool, at: datetime
) -> OutboxStatus:
    """State why the mail did not go out, and plan the next try or give up; answers where the mail stands now."""
    with database.transaction() as connection:
        row = connection.execute(
            select(
                _outbox.c.status,
                func.coalesce(_outbox.c.resent_at, _outbox.c.created_at).label("queued_at"),
                _outbox.c.attempts,
            )
            .where(_outbox.c.id == notice_id)
            .with_for_update()
        ).one()
        # A sender that lost its lease may report late: what was sent meanwhile stays sent.
        if row.status != OutboxStatus.PENDING:
            return OutboxStatus(row.status)
        retry_at = None if permanent else next_attempt(row.queued_at, row.attempts, at)
        status = OutboxStatus.PENDING if retry_at else OutboxStatus.FAILED
        connection.execute(
            update(_outbox)
            .where(_outbox.c.id == notice_id)
            .values(status=status, next_attempt_at=retry_at or at, last_error=_presentable(error))
        )
    return status


def pending_count(database: Database) -> int:
    """How many mails wait."""
    with database.reading() as connection:
        return connection.execute(
            select(func.count()).select_from(_outbox).where(_WAITING)
        ).scalar_one()


def oldest_pending(database: Database) -> datetime | None:
    """Since when the oldest waiting mail waits."""
    with database.reading() as connection:
        oldest: datetime | None = connection.execute(
            select(func.min(_outbox.c.created_at)).where(_WAITING)
        ).scalar_one()
    return oldest


def _notice(row: RowMapping) -> DueNotice:
    return DueNotice(
        id=row["id"],
        number=row["sequence"],
        kind=row["kind"],
        order_id=row["order_id"],
        facts=row["facts"],
        created_at=row["created_at"],
        recipient=_recipient(row) if row["active"] else None,
        off=frozenset(row["off"]),
    )


def _recipient(row: RowMapping) -> Recipient:
    return Recipient(
        name=row["name"],
        email=row["email"],
        language=Language(row["language"]),
        time_zone=row["time_zone"],
    )


def _presentable(error: str) -> str:
    """One line without addresses: operators read it, and it is kept."""
    return _ADDRESS.sub("<address>", " ".join(error.split()))[:_ERROR_MAX]

"""Bounces in the book: a mail that came back is marked so, once."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from models.bounce import Bounce, BounceAction, BounceAnswer
from models.ids import SYSTEM_USER
from models.notice import Channel, OutboxStatus
from models.tables.column import table
from models.tables.principal import UserRow
from models.tables.record import OutboxRow
from storage.engine import Database
from storage.notice import audit_notice

_outbox = table(OutboxRow)
_users = table(UserRow)


def take_bounce(database: Database, bounce: Bounce, at: datetime) -> BounceAnswer:
    """Mark the mail as come back, or note that it is late; a report that does not fit what we sent changes nothing."""
    with database.transaction("take_bounce") as connection:
        notice = _find(connection, bounce.notice_id)
        if notice is None or notice.email.casefold() not in bounce.addresses:
            return BounceAnswer.FOREIGN
        if notice.status == OutboxStatus.BOUNCED:
            return BounceAnswer.KNOWN
        if notice.status != OutboxStatus.SENT:
            # It waits to be sent, again if need be: should that fail too, another report comes.
            return BounceAnswer.FOREIGN
        if bounce.action is BounceAction.DELAYED:
            _set(connection, notice.id, last_error=f"Late on its way ({bounce.code}).")
            return BounceAnswer.NOTED
        _set(
            connection,
            notice.id,
            status=OutboxStatus.BOUNCED,
            bounced_at=at,
            last_error=f"It came back ({bounce.code}).",
        )
        audit_notice(connection, notice, SYSTEM_USER, "notice.bounced", at, code=bounce.code)
        return BounceAnswer.TAKEN


def _find(connection: Connection, notice_id: str) -> Row[Any] | None:
    """The mail with its reader's address of now: a report about an address they gave up is of no use."""
    return connection.execute(
        select(_outbox, _users.c.email)
        .join(_users, _users.c.id == _outbox.c.recipient_id)
        .where(_outbox.c.id == notice_id, _outbox.c.channel == Channel.MAIL)
        .with_for_update(of=_outbox)
    ).one_or_none()


def _set(connection: Connection, notice_id: str, **values: Any) -> None:
    connection.execute(update(_outbox).where(_outbox.c.id == notice_id).values(**values))

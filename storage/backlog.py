"""How much waits in the inbox and the outbox, and since when."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select

from models.event import InboxStatus
from models.notice import Channel, OutboxStatus
from models.tables.column import table
from models.tables.record import InboxRow, OutboxRow
from storage.engine import Database

_inbox = table(InboxRow)
_outbox = table(OutboxRow)


class Backlog(NamedTuple):
    """Rows by (box, status) that are not done with, and since when the oldest waiting one waits."""

    counts: dict[tuple[str, str], int]
    oldest: dict[str, datetime | None]


def read_backlog(database: Database) -> Backlog:
    """Only what is unfinished is counted: finished rows stay for ever, and counting them would take longer each day."""
    unfinished = (InboxStatus.RECEIVED, InboxStatus.PARKED)
    unsent = (OutboxStatus.PENDING, OutboxStatus.FAILED, OutboxStatus.BOUNCED)
    received = (
        select(_inbox.c.status, func.count(), func.min(_inbox.c.received_at))
        .where(_inbox.c.status.in_(unfinished))
        .group_by(_inbox.c.status)
    )
    mails = (
        select(_outbox.c.status, func.count(), func.min(_outbox.c.created_at))
        .where(_outbox.c.channel == Channel.MAIL, _outbox.c.status.in_(unsent))
        .group_by(_outbox.c.status)
    )
    counts = {("inbox", str(s)): 0 for s in unfinished} | {("outbox", str(s)): 0 for s in unsent}
    oldest: dict[str, datetime | None] = {"inbox": None, "outbox": None}
    with database.reading() as connection:
        for box, query in (("inbox", received), ("outbox", mails)):
            for status, number, since in connection.execute(query):
                counts[box, status] = number
                if status in (InboxStatus.RECEIVED, OutboxStatus.PENDING):
                    oldest[box] = since
    return Backlog(counts, oldest)

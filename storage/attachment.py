"""Attachments in the book: added once, listed for those they are meant for, withdrawn, and what they left behind."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from models.attachment import MOST, Attachment, LeftBehind
from models.errors import Forbidden, NotFound, Refused, Unavailable
from models.ids import Prefix
from models.principal import Principal
from models.step import Step
from models.tables.attachment import AttachmentReadRow, AttachmentRow
from models.tables.column import table
from models.tables.principal import IdempotencyKeyRow
from models.ticket import Audience
from rules.permission import may_see_internal
from storage.effect import Effect, perform
from storage.engine import Database, constraint_of
from storage.ticket_note import find_row, stream_of

_attachments = table(AttachmentRow)
_reads = table(AttachmentReadRow)
_receipts = table(IdempotencyKeyRow)


def require_open(connection: Connection, principal: Principal, ticket_id: str) -> Row[Any]:
    """The ticket's row; NotFound outside the caller's sight, Refused once it is closed."""
    ticket = find_row(connection, principal, ticket_id)
    if ticket.closed_at is not None:
        raise Refused("case_closed", "The case is closed.")
    return ticket


def add_attachment(
    database: Database, principal: Principal, new: Attachment, lies_there: Callable[[], bool]
) -> Attachment:
    """Write the row, once per id, if the bytes are on the shelf; Refused when the ticket holds five."""
    with database.reading() as connection:
        stream = stream_of(find_row(connection, principal, new.ticket_id))

    def work(effect: Effect) -> Attachment:
        ticket = require_open(effect.connection, principal, new.ticket_id)
        effect.belongs_to(ticket.partner_id, ticket.customer_id)
        _hold(effect.connection, new.id)
        if not lies_there():
            raise Unavailable(
                "file_unavailable", "The file was swept away. Send it again.", retry_after_s=1
            )
        effect.connection.execute(insert(_attachments).values(**new.model_dump()))
        effect.audit(new.uploaded_by, "attachment.added", new.id, sha256=new.sha256)
        return effect.conclude(
            new.uploaded_by,
            f"A file was attached to ticket {ticket.number}.",
            new,
            cancellation_id=ticket.cancellation_id,
        )

    step = Step(subject_id=new.id, order_id=stream, at=new.uploaded_at)
    try:
        return perform(database, step, "add_attachment", Attachment, work)
    except IntegrityError as error:
        if constraint_of(error) != "attachments_five":
            raise
        raise Refused(
            "too_many_attachments",
            f"The ticket holds {MOST} attachments. Withdraw one to add another.",
            most=MOST,
        ) from None


def list_attachments(
    connection: Connection, principal: Principal, ticket_id: str
) -> tuple[Attachment, ...]:
    """Oldest first, with those that were withdrawn; internal ones for house staff only."""
    find_row(connection, principal, ticket_id)
    query = select(_attachments).where(_attachments.c.ticket_id == ticket_id)
    if not may_see_internal(principal):
        query = query.where(_attachments.c.audience != Audience.INTERNAL)
    rows = connection.execute(query.order_by(_attachments.c.uploaded_at, _attachments.c.id))
    return tuple(Attachment.model_validate(dict(row)) for row in rows.mappings())


def find_attachment(
    connection: Connection, principal: Principal, ticket_id: str, attachment_id: str
) -> Attachment:
    """One that the caller may see, or NotFound."""
    for found in list_attachments(connection, principal, ticket_id):
        if found.id == attachment_id:
            return found
    raise NotFound("attachment")


def note_read(database: Database, attachment_id: str, reader_id: str, at: datetime) -> None:
    """Remember who was given the bytes."""
    with database.transaction() as connection:
        connection.execute(
            insert(_reads).values(attachment_id=attachment_id, read_by=reader_id, read_at=at)
        )


def withdraw_attachment(
    database: Database, principal: Principal, ticket_id: str, attachment_id: str, at: datetime
) -> Attachment:
    """By who uploaded it, or house staff; the row and its hash stay. Again, it answers as it did."""
    with database.reading() as connection:
        stream = stream_of(find_row(connection, principal, ticket_id))

    def work(effect: Effect) -> Attachment:
        ticket = find_row(effect.connection, principal, ticket_id)
        effect.belongs_to(ticket.partner_id, ticket.customer_id)
        found = find_attachment(effect.connection, principal, ticket_id, attachment_id)
        if principal.user_id != found.uploaded_by and not may_see_internal(principal):
            raise Forbidden(
                "not_your_attachment", "Only who uploaded it, or house staff, may withdraw it."
            )
        facts = {"withdrawn_by": principal.user_id, "withdrawn_at": at}
        effect.connection.execute(
            update(_attachments).where(_attachments.c.id == attachment_id).values(**facts)
        )
        effect.audit(principal.user_id, "attachment.withdrawn", attachment_id, sha256=found.sha256)
        return effect.conclude(
            principal.user_id,
            f"A file was withdrawn from ticket {ticket.number}.",
            found.model_copy(update=facts),
            cancellation_id=ticket.cancellation_id,
        )

    step = Step(subject_id=attachment_id, order_id=stream, at=at)
    return perform(database, step, "withdraw_attachment", Attachment, work)


def live_attachments(connection: Connection) -> list[Attachment]:
    """Every one whose bytes must be on the shelf."""
    query = select(_attachments).where(_attachments.c.withdrawn_at.is_(None))
    rows = connection.execute(query.order_by(_attachments.c.id)).mappings()
    return [Attachment.model_validate(dict(row)) for row in rows]


def left_behind(connection: Connection, before: datetime) -> list[LeftBehind]:
    """Uploads with a receipt from before that instant but without a row, and everything withdrawn.

    A receipt is written before the bytes are, and its body's hash is theirs: no shelf has to be listed.
    """
    broken_off = select(_receipts.c.resource_id, func.encode(_receipts.c.body_sha256, "hex")).where(
        _receipts.c.resource_id.startswith(f"{Prefix.ATTACHMENT}_", autoescape=True),
        _receipts.c.received_at < before,
        ~exists().where(_attachments.c.id == _receipts.c.resource_id),
    )
    withdrawn = select(_attachments.c.id, _attachments.c.sha256).where(
        _attachments.c.withdrawn_at.is_not(None)
    )
    return [
        LeftBehind(attachment_id=row[0], sha256=row[1])
        for row in connection.execute(broken_off.union_all(withdrawn))
    ]


def discard(database: Database, attachment_id: str, delete: Callable[[], None]) -> bool:
    """Let go of the bytes unless a row needs them, which cannot come while this looks."""
    with database.transaction() as connection:
        _hold(connection, attachment_id)
        needed = exists().where(
            _attachments.c.id == attachment_id, _attachments.c.withdrawn_at.is_(None)
        )
        if connection.execute(select(needed)).scalar_one():
            return False
        delete()
    return True


def _hold(connection: Connection, attachment_id: str) -> None:
    lock = func.pg_advisory_xact_lock(func.hashtextextended(f"attachment:{attachment_id}", 0))
    connection.execute(select(lock))

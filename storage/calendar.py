"""Business calendars in the book: a partner's own, everybody's, or none, which means always open."""

from datetime import datetime

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from models.calendar import ALWAYS_OPEN, Calendar, CalendarEntry
from models.errors import NotFound
from models.tables.calendar import CalendarRow
from models.tables.column import table
from models.tables.principal import PartnerRow
from models.tables.record import AuditRow
from storage.key_import import HOUSE_STREAM

_calendars = table(CalendarRow)
_partners = table(PartnerRow)
_audit = table(AuditRow)
_EVERYBODY = "default"


def calendar_of(connection: Connection, partner_id: str) -> Calendar:
    """The calendar that counts for a partner now."""
    found = select(_calendars.c.document).where(_calendars.c.id.in_((partner_id, _EVERYBODY)))
    own_first = found.order_by(_calendars.c.partner_id.nulls_last()).limit(1)
    document = connection.execute(own_first).scalar_one_or_none()
    return ALWAYS_OPEN if document is None else Calendar.model_validate(document)


def set_calendar(connection: Connection, entry: CalendarEntry, *, at: datetime, by: str) -> bool:
    """Put a calendar in the place of the one before, audited; False if it stood like that already.

    Tickets that are open keep the instant that they were opened with.
    """
    owner = entry.partner_id or _EVERYBODY
    _require_partner(connection, entry.partner_id)
    document = entry.calendar.model_dump(mode="json")
    stands = select(_calendars.c.document).where(_calendars.c.id == owner)
    if connection.execute(stands).scalar_one_or_none() == document:
        return False
    values = {"document": document, "set_at": at, "set_by": by}
    connection.execute(
        upsert(_calendars)
        .values(id=owner, partner_id=entry.partner_id, **values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )
    connection.execute(
        insert(_audit).values(
            stream=HOUSE_STREAM,
            happened_at=at,
            actor_id=by,
            action="calendar.set",
            subject_id=owner,
            partner_id=entry.partner_id,
            details=document,
        )
    )
    return True


def list_calendars(connection: Connection) -> tuple[CalendarEntry, ...]:
    """Everybody's first, then those of partners."""
    ordered = select(_calendars).order_by(_calendars.c.partner_id.nulls_first())
    return tuple(
        CalendarEntry(partner_id=row.partner_id, calendar=row.document)
        for row in connection.execute(ordered)
    )


def _require_partner(connection: Connection, partner_id: str | None) -> None:
    if partner_id is None:
        return
    known = select(_partners.c.id).where(_partners.c.id == partner_id)
    if connection.execute(known).first() is None:
        raise NotFound("partner")

"""What people did at an outside desk: taken once into the inbox, in their order, with the cursor that goes past it."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from models.event import EVENT_DATA, EventType, InboxStatus
from models.ids import Prefix, new_id
from models.outside_ticket import ChangeKind, OutsideChange, OutsideChanges
from models.tables.column import table
from models.tables.outside_ticket import OutsideCursorRow
from models.tables.principal import EventSourceRow
from models.tables.record import InboxRow
from storage.desk_person import user_behind
from storage.engine import Database
from storage.outside_ticket import approvals, changes, close_approvals, outside

_cursors = table(OutsideCursorRow)
_inbox = table(InboxRow)
_sources = table(EventSourceRow)
_PREFIX = {ChangeKind.NOTE: Prefix.NOTE, ChangeKind.DECISION: Prefix.DECISION}
_TYPE = {
    ChangeKind.NOTE: EventType.TICKET_NOTED,
    ChangeKind.DECISION: EventType.TICKET_DECIDED,
}


def cursor_of(database: Database, desk: str) -> int:
    """How far the acts at the desk have been read."""
    with database.reading() as connection:
        position: int | None = connection.execute(
            select(_cursors.c.position).where(_cursors.c.desk == desk)
        ).scalar_one_or_none()
    return position or 0


def new_ones(database: Database, desk: str, items: Sequence[OutsideChange]) -> list[OutsideChange]:
    """Those on our tickets that were not taken yet: the only ones whose words are asked for."""
    with database.reading() as connection:
        ours = [one for one in items if _ticket_of(connection, desk, one) is not None]
        taken = connection.execute(
            select(changes.c.number).where(
                changes.c.desk == desk, changes.c.number.in_([one.number for one in ours])
            )
        )
        known = set(taken.scalars())
    return [one for one in ours if one.number not in known]


def take_changes(database: Database, desk: str, found: OutsideChanges, at: datetime) -> int:
    """Take what is new and move the cursor, in one transaction; how many acts are new.

    From here on an act is an event of the inbox like any portal's: the relay gives it to the desk's verbs.
    """
    with database.transaction("take_changes") as connection:
        connection.execute(
            upsert(_sources).values(source=desk, partner_id=None).on_conflict_do_nothing()
        )
        # The inbox is worked off by instant: acts that were read together keep their order.
        taken = [
            _take(connection, desk, change, at + timedelta(microseconds=turn))
            for turn, change in enumerate(found.items)
        ]
        _move_cursor(connection, desk, found.settled_to)
    return sum(taken)


def _take(connection: Connection, desk: str, change: OutsideChange, at: datetime) -> bool:
    ticket_id = _ticket_of(connection, desk, change)
    if ticket_id is None:
        return False
    row = _event(connection, desk, ticket_id, change, at)
    written = connection.execute(
        upsert(_inbox)
        .values(row)
        .on_conflict_do_nothing(index_elements=["source", "event_id"])
        .returning(_inbox.c.event_id)
    ).one_or_none()
    if written is None:
        return False
    connection.execute(
        insert(changes).values(
            desk=desk, number=change.number, event_id=row["event_id"], ticket_id=ticket_id
        )
    )
    if change.kind is ChangeKind.DECISION:
        close_approvals(connection, ticket_id, at)
    return True


def _ticket_of(connection: Connection, desk: str, change: OutsideChange) -> str | None:
    """Our ticket; None for a ticket of the same queue that is none of ours."""
    place = outside if change.kind is ChangeKind.NOTE else approvals
    found: str | None = connection.execute(
        select(place.c.ticket_id).where(place.c.desk == desk, place.c.number == change.on)
    ).scalar_one_or_none()
    return found


def _event(
    connection: Connection, desk: str, ticket_id: str, change: OutsideChange, at: datetime
) -> dict[str, Any]:
    """The act as a portal would have sent it; what cannot be taken is written down as rejected at once."""
    user_id = user_behind(connection, desk, change.author)
    data = _data(ticket_id, change, user_id)
    outcome = _flaw(change, user_id, data)
    return {
        "source": desk,
        "event_id": str(change.number),
        "type": _TYPE[change.kind],
        "body_sha256": hashlib.sha256(change.model_dump_json().encode()).digest(),
        "data": data,
        "received_at": at,
        "resource_id": new_id(_PREFIX[change.kind]),
        "status": InboxStatus.RECEIVED if outcome is None else InboxStatus.REJECTED,
        "attempts": 0,
        "next_attempt_at": at,
        "outcome": outcome,
    }


def _data(ticket_id: str, change: OutsideChange, user_id: str | None) -> dict[str, Any]:
    if change.kind is ChangeKind.NOTE:
        noted = {"audience": change.audience, "text": change.text or ""}
        return {"ticket_id": ticket_id, "written_by": user_id, **noted}
    decided = {"verdict": change.verdict, "note": change.text}
    return {"ticket_id": ticket_id, "decided_by": user_id, **decided}


def _flaw(
    change: OutsideChange, user_id: str | None, data: dict[str, Any]
) -> dict[str, str] | None:
    """Why the house cannot take it, in words for the person at the desk; None if it can."""
    if user_id is None:
        return {
            "code": "author_unmapped",
            "detail": f"{change.author.name} is nobody at Keydesk. Its admin names people with `keydesk rt name`.",
        }
    try:
        EVENT_DATA[_TYPE[change.kind]].model_validate(data)
    except ValidationError as error:
        said = error.errors(include_input=False, include_url=False, include_context=False)[0]
        return {
            "code": "words_not_acceptable",
            "detail": f"its text is not acceptable: {said['msg']}.",
        }
    return None


def _move_cursor(connection: Connection, desk: str, position: int) -> None:
    moved = upsert(_cursors).values(desk=desk, position=position)
    connection.execute(
        moved.on_conflict_do_update(
            index_elements=["desk"],
            set_={"position": func.greatest(_cursors.c.position, moved.excluded.position)},
        )
    )

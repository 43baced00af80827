"""What else is under way on a line: its keys are moved by one case at a time."""

from typing import Any

from sqlalchemy import Connection, Row, select

from models.cancellation import OVER
from models.errors import Refused
from models.replacement import REPLACEMENT_OVER
from models.software import SoftwareStatus
from models.tables.column import table
from models.tables.replacement import ReplacementRow
from storage.case import cancellations, software

replacements = table(ReplacementRow)


def item_of(connection: Connection, software_id: str) -> Row[Any]:
    """The item; its caller's sight was checked before."""
    return connection.execute(select(software).where(software.c.id == software_id)).one()


def require_no_case(connection: Connection, item: Row[Any]) -> None:
    """Refused unless the item is active and nothing else is under way on its line."""
    if _open_case_of(connection, item.line_id) is not None:
        raise Refused("cancellation_already_open", "This item is being cancelled.")
    if item.status != SoftwareStatus.ACTIVE:
        raise Refused("software_not_active", f"This item is {item.status}.", status=item.status)
    require_none_open(connection, item.line_id)


def require_none_open(connection: Connection, line_id: str) -> None:
    """Refused while a key of the line is being replaced."""
    found = connection.execute(
        select(replacements.c.id).where(
            replacements.c.line_id == line_id, replacements.c.status.not_in(REPLACEMENT_OVER)
        )
    ).scalar_one_or_none()
    if found is not None:
        raise Refused(
            "replacement_open",
            "A product key of this item is being replaced; decide or withdraw that first.",
            replacement_id=found,
        )


def _open_case_of(connection: Connection, line_id: str) -> str | None:
    """The open cancellation of this line; units that are gone already have no living key to be replaced."""
    found: str | None = connection.execute(
        select(cancellations.c.id).where(
            cancellations.c.line_id == line_id, cancellations.c.status.not_in(OVER)
        )
    ).scalar_one_or_none()
    return found

"""Calendar files: the YAML that `keydesk import-calendars` reads, everybody's calendar and those of partners."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from models.calendar import Calendar, CalendarEntry
from models.errors import Invalid
from rules.calendar import knows_holidays


def read_calendars(path: Path) -> tuple[CalendarEntry, ...]:
    """Read and check a whole file; an entry without `partner_id` is for everybody without one of their own."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid("calendar_unreadable", f"{path.name}: {error.strerror}.") from None
    except (ValueError, yaml.YAMLError) as error:
        raise Invalid("calendar_unreadable", f"{path.name} is no YAML in UTF-8: {error}") from None
    if not isinstance(document, list) or not document:
        raise _refused(path, "it is no list of calendars")
    entries = tuple(_entry(path, place, written) for place, written in enumerate(document, start=1))
    owners = [entry.partner_id for entry in entries]
    for owner in owners:
        if owners.count(owner) > 1:
            raise _refused(path, f"{owner or 'everybody'} has two calendars")
    return entries


def _entry(path: Path, place: int, written: Any) -> CalendarEntry:
    if not isinstance(written, dict):
        raise _refused(path, f"calendar {place} is no mapping")
    own = dict(written)
    entry = {"partner_id": own.pop("partner_id", None), "calendar": own}
    try:
        found = TypeAdapter(CalendarEntry).validate_python(entry)
    except ValidationError as error:
        raise _refused(path, f"calendar {place}: {_told(error)}") from None
    if not knows_holidays(found.calendar):
        raise _refused(path, f"calendar {place}: {_place_of_holidays(found.calendar)} is unknown")
    return found


def _told(error: ValidationError) -> str:
    details = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, d['loc'][1:]))} {d['msg']}".strip() for d in details)


def _place_of_holidays(calendar: Calendar) -> str:
    return "-".join(filter(None, (calendar.holidays_of, calendar.subdivision)))


def _refused(path: Path, flaw: str) -> Invalid:
    return Invalid("calendar_invalid", f"{path.name} is refused: {flaw}.")

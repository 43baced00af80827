"""Terms: how many days a subscription's ISO 8601 term spans, counted on the calendar from its start."""

import calendar
import re
from datetime import UTC, date, datetime, timedelta

_TERM = re.compile(r"P(?:(\d{1,2})Y)?(?:(\d{1,3})M)?(?:(\d{1,4})D)?")


def term_days(term_duration: str | None, starts_at: datetime) -> int | None:
    """365 or 366 for `P1Y`, depending on the leap day; None without a term of years, months or days."""
    match = _TERM.fullmatch(term_duration or "")
    if match is None:
        return None
    years, months, days = (int(part or 0) for part in match.groups())
    start = starts_at.astimezone(UTC).date()
    end = _months_later(start, years * 12 + months) + timedelta(days=days)
    return (end - start).days or None


def _months_later(start: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it is shorter."""
    years, month_index = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month_index + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))

"""The response clock: how many open hours after an instant somebody must have answered."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from models.calendar import Calendar, OpenHours, Weekday
from models.ticket import Impact

_WEEKDAYS = tuple(Weekday)
_DAY = timedelta(days=1)


def respond_by(opened_at: datetime, impact: Impact, calendar: Calendar) -> datetime:
    """The instant, in UTC, at which the impact's hours (2, 4 or 8) of open time have passed since `opened_at`.

    An instant in closed time starts the clock at the next opening; hours that run out at closing time are
    due then, not the next morning.
    """
    left = impact.respond_within
    if impact in calendar.around_the_clock:
        return opened_at.astimezone(UTC) + left
    for opens, closes in _open_from(opened_at, calendar):
        if closes - opens >= left:
            return opens + left
        left -= closes - opens
    raise AssertionError("a calendar is open again some day")


def _open_from(at: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """The open stretches from that instant on, the first one cut off there."""
    at = at.astimezone(UTC)
    day = at.astimezone(ZoneInfo(calendar.time_zone)).date()
    while True:
        for opens, closes in _stretches(day, calendar):
            # Where clocks are set forward a stretch may begin after its end, or before the end of the last one.
            if closes > max(opens, at):
                yield max(opens, at), closes
                at = closes
        day += _DAY


def _stretches(day: date, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """A day's open stretches as instants: a day on which clocks are set has 23 or 25 hours."""
    if day in calendar.closed_days or day in _holidays(
        calendar.holidays_of, calendar.subdivision, day.year
    ):
        return
    zone = ZoneInfo(calendar.time_zone)
    for hours in calendar.hours.get(_WEEKDAYS[day.weekday()], ()):
        yield _instant(day, hours.opens, zone), _end(day, hours, zone)


def _end(day: date, hours: OpenHours, zone: ZoneInfo) -> datetime:
    if hours.closes == time.min:
        return _instant(day + _DAY, time.min, zone)
    return _instant(day, hours.closes, zone)


def _instant(day: date, local: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, local, zone).astimezone(UTC)


@lru_cache(maxsize=256)
def _holidays(country: str | None, subdivision: str | None, year: int) -> frozenset[date]:
    if country is None:
        return frozenset()
    # Asked for when the first calendar names a country: the library takes a tenth of a second to come in.
    from holidays import country_holidays

    return frozenset(country_holidays(country, subdiv=subdivision, years=year))


def knows_holidays(calendar: Calendar) -> bool:
    """Whether the public holidays that the calendar asks for are known."""
    try:
        _holidays(calendar.holidays_of, calendar.subdivision, 2000)
    except NotImplementedError:
        return False
    return True

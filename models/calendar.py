"""Business calendars: when a partner's people are there, so that the clock of the first response runs only then."""

import re
from datetime import date, time
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from models.base import Value
from models.ticket import Impact


class Weekday(StrEnum):
    """In the order of `date.weekday()`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


_CLOCK = re.compile(r"\d{2}:\d{2}(:00)?")


def _on_the_clock(written: object) -> object:
    """YAML reads 17:00 without quotes as a number, which would be taken for seconds."""
    if isinstance(written, time) or (isinstance(written, str) and _CLOCK.fullmatch(written)):
        return written
    raise ValueError('a local time is written in quotes, as "17:00"')


LocalTime = Annotated[time, BeforeValidator(_on_the_clock)]


class OpenHours(Value):
    """One stretch of a day in local time, also written "08:00-17:00"; `closes` 00:00 is the end of that day."""

    opens: LocalTime
    closes: LocalTime

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, written: object) -> object:
        if not isinstance(written, str):
            return written
        opens, _, closes = written.partition("-")
        return {"opens": opens.strip(), "closes": closes.strip()}

    @model_validator(mode="after")
    def _closes_later(self) -> Self:
        if self.closes != time.min and self.closes <= self.opens:
            raise ValueError("closes must be later than opens; 00:00 is the end of the day")
        return self


ALL_DAY = OpenHours(opens=time.min, closes=time.min)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("no time zone of the IANA database, such as Europe/Prague") from None
    return name


TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class Calendar(Value):
    """Zone, weekly hours, and the days on which nobody is there.

    `holidays_of` closes the public holidays of a country (ISO 3166-1, with an optional subdivision);
    `closed_days` are one's own. The clock of an impact in `around_the_clock` never stops.
    """

    time_zone: TimeZone
    hours: dict[Weekday, tuple[OpenHours, ...]]
    holidays_of: Country | None = None
    subdivision: Annotated[str, StringConstraints(max_length=20)] | None = None
    closed_days: Annotated[tuple[date, ...], Field(max_length=1000)] = ()
    around_the_clock: frozenset[Impact] = frozenset()

    @model_validator(mode="after")
    def _is_open_sometimes(self) -> Self:
        if not any(self.hours.values()):
            raise ValueError("a calendar needs open hours on some weekday")
        for day, stretches in self.hours.items():
            _require_in_order(day, stretches)
        return self

    @model_validator(mode="after")
    def _subdivision_needs_country(self) -> Self:
        if self.subdivision is not None and self.holidays_of is None:
            raise ValueError("a subdivision needs its country in holidays_of")
        return self


def _require_in_order(day: Weekday, stretches: tuple[OpenHours, ...]) -> None:
    for before, after in pairwise(stretches):
        if before.closes == time.min or after.opens < before.closes:
            raise ValueError(f"the hours of {day} overlap or are out of order")


ALWAYS_OPEN = Calendar(time_zone="UTC", hours=dict.fromkeys(Weekday, (ALL_DAY,)))
"""Where no calendar is set: hours are hours."""


class CalendarEntry(Value):
    """Whose calendar it is: of one partner, or of everybody who has none of their own."""

    partner_id: str | None = None
    calendar: Calendar

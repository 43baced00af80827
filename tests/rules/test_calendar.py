"""The response clock: never in closed time, never backwards, and right on the days when clocks are set."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calendar import ALL_DAY, ALWAYS_OPEN, Calendar, OpenHours, Weekday
from models.ticket import Impact
from rules.calendar import knows_holidays, respond_by

PRAGUE = ZoneInfo("Europe/Prague")
WORKDAYS = tuple(Weekday)[:5]
OFFICE = Calendar(
    time_zone="Europe/Prague",
    hours=dict.fromkeys(WORKDAYS, (OpenHours(opens=time(8), closes=time(17)),)),
    holidays_of="CZ",
    closed_days=(date(2026, 12, 31),),
)
ALWAYS_THERE = Calendar(time_zone="Europe/Prague", hours=dict.fromkeys(Weekday, (ALL_DAY,)))

instants = st.datetimes(
    min_value=datetime.fromisoformat("2024-01-01"),
    max_value=datetime.fromisoformat("2031-01-01"),
    timezones=st.just(UTC),
)
impacts = st.sampled_from(Impact)
zones = st.sampled_from(
    # Half an hour of summer time; clocks set at midnight; a date that never was.
    (
        "Europe/Prague",
        "UTC",
        "America/New_York",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "Pacific/Apia",
    )
)


@st.composite
def stretches(draw: st.DrawFn) -> tuple[OpenHours, ...]:
    """None to three stretches of a day, in quarters of an hour."""
    edges = sorted(draw(st.sets(st.integers(0, 96), max_size=6)))
    quarters = [(edges[i], edges[i + 1]) for i in range(0, len(edges) - 1, 2)]
    return tuple(OpenHours(opens=_time(a), closes=_time(b % 96)) for a, b in quarters)


def _time(quarter: int) -> time:
    return time(quarter // 4, quarter % 4 * 15)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Any hours anywhere, open at least on Wednesdays."""
    hours = {day: draw(stretches()) for day in Weekday}
    hours[Weekday.WEDNESDAY] = (OpenHours(opens=time(9), closes=time(16, 30)),)
    return Calendar(
        time_zone=draw(zones),
        hours=hours,
        holidays_of=draw(st.sampled_from((None, "CZ", "AT"))),
        closed_days=tuple(draw(st.sets(st.dates(date(2026, 1, 1), date(2026, 2, 1)), max_size=5))),
    )


def minutes_open(calendar: Calendar, start: datetime, end: datetime) -> int:
    """An oracle that knows nothing of the rule: it asks the clock on the wall, minute by minute."""
    zone, count, at = ZoneInfo(calendar.time_zone), 0, start
    while at < end:
        local = at.astimezone(zone)
        day = calendar.hours.get(tuple(Weekday)[local.weekday()], ())
        if local.date() not in calendar.closed_days:
            count += any(
                h.opens <= local.time() and (h.closes == time.min or local.time() < h.closes)
                for h in day
            )
        at += timedelta(minutes=1)
    return count


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PRAGUE)


@pytest.mark.parametrize(
    ("opened", "impact", "due"),
    [
        ("2026-03-02T09:00", "critical", "2026-03-02T11:00"),
        ("2026-03-02T16:00", "critical", "2026-03-03T09:00"),  # over night
        ("2026-03-02T09:00", "minimal", "2026-03-02T17:00"),  # the last instant of the day counts
        ("2026-03-06T16:30", "moderate", "2026-03-09T11:30"),  # over a weekend
        ("2026-03-07T03:00", "critical", "2026-03-09T10:00"),  # opened on a Saturday
        ("2026-04-02T16:00", "critical", "2026-04-07T09:00"),  # Good Friday and Easter Monday
        ("2026-03-27T16:00", "minimal", "2026-03-30T15:00"),  # the night that is an hour short
        ("2026-10-23T16:00", "minimal", "2026-10-26T15:00"),  # the night that is an hour long
        ("2026-12-30T16:00", "critical", "2027-01-04T09:00"),  # a closed day of one's own, New Year
    ],
)
def test_hours_run_while_the_office_is_open(opened: str, impact: str, due: str) -> None:
    found = respond_by(at(opened), Impact(impact), OFFICE)

    assert found == at(due)
    assert found.tzinfo is UTC


def test_an_impact_may_be_round_the_clock() -> None:
    calendar = OFFICE.model_copy(update={"around_the_clock": frozenset({Impact.CRITICAL})})
    saturday = at("2026-03-07T03:00")

    assert respond_by(saturday, Impact.CRITICAL, calendar) == saturday + timedelta(hours=2)
    assert respond_by(saturday, Impact.MODERATE, calendar) == at("2026-03-09T12:00")


def test_hours_that_a_clock_change_leaves_out_are_not_counted() -> None:
    """In that night there is no 02:30: what opens then opens when there is a clock again."""
    nights = (
        OpenHours(opens=time(1), closes=time(2, 30)),
        OpenHours(opens=time(2, 45), closes=time(3, 15)),
        OpenHours(opens=time(4), closes=time(8)),
    )
    calendar = Calendar(time_zone="Europe/Prague", hours=dict.fromkeys(Weekday, nights))

    found = respond_by(at("2026-03-29T01:00"), Impact.CRITICAL, calendar)

    assert found == at("2026-03-29T04:30")


@given(instants, impacts, calendars())
@settings(deadline=None, max_examples=60)
def test_nobody_must_answer_in_closed_time(
    opened: datetime, impact: Impact, calendar: Calendar
) -> None:
    due = respond_by(opened, impact, calendar)

    just_before = due - timedelta(microseconds=1)
    local = just_before.astimezone(ZoneInfo(calendar.time_zone))
    assert due >= opened + impact.respond_within
    assert local.date() not in calendar.closed_days
    assert any(
        hours.opens <= local.time() and (hours.closes == time.min or local.time() < hours.closes)
        for hours in calendar.hours[tuple(Weekday)[local.weekday()]]
    )


@given(instants, instants, impacts, calendars())
@settings(deadline=None, max_examples=60)
def test_who_asks_later_is_not_due_earlier(
    one: datetime, other: datetime, impact: Impact, calendar: Calendar
) -> None:
    earlier, later = sorted((one, other))

    assert respond_by(earlier, impact, calendar) <= respond_by(later, impact, calendar)


@given(instants, calendars())
@settings(deadline=None, max_examples=60)
def test_the_graver_the_sooner(opened: datetime, calendar: Calendar) -> None:
    due = [respond_by(opened, impact, calendar) for impact in Impact]

    assert due == sorted(due)


@given(instants, impacts)
def test_always_there_means_plain_hours(opened: datetime, impact: Impact) -> None:
    for calendar in (ALWAYS_OPEN, ALWAYS_THERE):
        assert respond_by(opened, impact, calendar) == opened + impact.respond_within


@given(st.integers(0, 6 * 24 * 60), impacts)
@settings(max_examples=20, deadline=None)
def test_as_many_open_minutes_pass_as_the_clock_on_the_wall_says(
    start: int, impact: Impact
) -> None:
    """Over the last days of October, when an hour comes twice."""
    calendar = OFFICE.model_copy(update={"holidays_of": None})
    opened = at("2026-10-22T00:00").astimezone(UTC) + timedelta(minutes=start)

    due = respond_by(opened, impact, calendar)

    assert timedelta(minutes=minutes_open(calendar, opened, due)) == impact.respond_within


def test_countries_that_nobody_keeps_holidays_of_are_told_apart() -> None:
    assert knows_holidays(OFFICE)
    assert knows_holidays(ALWAYS_OPEN)
    assert not knows_holidays(OFFICE.model_copy(update={"holidays_of": "ZZ"}))
    assert not knows_holidays(OFFICE.model_copy(update={"subdivision": "Nowhere"}))

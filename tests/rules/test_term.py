"""Terms in days, over leap years and short months."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.term import term_days


@pytest.mark.parametrize(
    ("term", "start", "days"),
    [
        ("P1Y", (2025, 1, 10), 365),
        ("P1Y", (2024, 1, 10), 366),  # 29 February lies within
        ("P1Y", (2023, 3, 1), 366),
        ("P1Y", (2024, 2, 29), 365),  # ends on 28 February
        ("P3Y", (2025, 6, 1), 1096),
        ("P1M", (2024, 1, 31), 29),
        ("P1M", (2025, 1, 31), 28),
        ("P1M", (2025, 12, 15), 31),
        ("P1Y6M", (2025, 1, 1), 546),
        ("P30D", (2025, 1, 1), 30),
        (None, (2025, 1, 1), None),
        ("", (2025, 1, 1), None),
        ("P", (2025, 1, 1), None),
        ("P0D", (2025, 1, 1), None),
        ("one year", (2025, 1, 1), None),
        ("P1Y ", (2025, 1, 1), None),
    ],
)
def test_term_days(term: str | None, start: tuple[int, int, int], days: int | None) -> None:
    assert term_days(term, datetime(*start, tzinfo=UTC)) == days


def test_the_start_counts_in_utc() -> None:
    march_in_prague = datetime(2023, 3, 1, 0, 30, tzinfo=ZoneInfo("Europe/Prague"))

    assert term_days("P1Y", march_in_prague) == 365  # still 28 February in UTC, so no leap day


@given(st.integers(946_684_800, 3_786_912_000))
def test_a_year_ends_on_its_own_day_or_on_28_february(start_s: int) -> None:
    start = datetime.fromtimestamp(start_s, UTC)  # 2000 to 2090

    days = term_days("P1Y", start)

    assert days is not None
    end = start + timedelta(days=days)
    is_leap_day = (start.month, start.day) == (2, 29)
    assert (end.year, end.month, end.day) == (
        start.year + 1,
        start.month,
        28 if is_leap_day else start.day,
    )

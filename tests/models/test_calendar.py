"""What is no calendar."""

from typing import Any

import pytest
from pydantic import ValidationError

from models.calendar import Calendar

NINE_TO_FIVE = {"opens": "09:00", "closes": "17:00"}
MONDAYS = {"time_zone": "Europe/Prague", "hours": {"monday": [NINE_TO_FIVE]}}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"time_zone": "Europe/Atlantis"}, "no time zone"),
        ({"time_zone": "../../etc/passwd"}, "no time zone"),
        ({"time_zone": ""}, "no time zone"),
        ({"hours": {}}, "needs open hours"),
        ({"hours": {"monday": []}}, "needs open hours"),
        ({"hours": {"someday": [NINE_TO_FIVE]}}, "hours.someday"),
        ({"hours": {"monday": [{"opens": "17:00", "closes": "09:00"}]}}, "later than opens"),
        ({"hours": {"monday": [{"opens": "09:00", "closes": "09:00"}]}}, "later than opens"),
        ({"hours": {"monday": [{"opens": "09:00Z", "closes": "17:00Z"}]}}, "in quotes"),
        ({"hours": {"monday": [{"opens": "09:00", "closes": 1020}]}}, "in quotes"),
        ({"hours": {"monday": ["09:00"]}}, "in quotes"),
        ({"hours": {"monday": ["09:00-24:00"]}}, "closes"),
        ({"hours": {"monday": [NINE_TO_FIVE, NINE_TO_FIVE]}}, "overlap"),
        (
            {"hours": {"monday": [{"opens": "00:00", "closes": "00:00"}, NINE_TO_FIVE]}},
            "overlap",
        ),
        ({"holidays_of": "Czechia"}, "holidays_of"),
        ({"subdivision": "BY"}, "needs its country"),
        ({"closed_days": ["2026-02-30"]}, "closed_days"),
        ({"around_the_clock": ["urgent"]}, "around_the_clock"),
    ],
)
def test_what_is_no_calendar_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Calendar.model_validate(MONDAYS | changes)


def test_a_day_may_end_at_midnight_and_have_a_break() -> None:
    shifts = [{"opens": "06:00", "closes": "14:00"}, "14:00-00:00"]

    calendar = Calendar.model_validate(MONDAYS | {"hours": {"sunday": shifts}})

    assert Calendar.model_validate(calendar.model_dump(mode="json")) == calendar

"""The waits between tries grow from seconds to an hour, and end after days."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.outbox import FEWEST_ATTEMPTS, GIVE_UP_AFTER, LONGEST_DELAY, next_attempt

CREATED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(0, 5), (1, 5), (2, 10), (3, 20), (4, 40), (9, 1280), (10, 2560), (11, 3600), (500, 3600)],
)
def test_each_wait_is_twice_the_last_up_to_an_hour(attempts: int, seconds: int) -> None:
    assert next_attempt(CREATED, attempts, CREATED) == CREATED + seconds * SECOND


def test_the_end_comes_after_three_days() -> None:
    last = CREATED + GIVE_UP_AFTER
    assert next_attempt(CREATED, 80, last) == last + LONGEST_DELAY
    assert next_attempt(CREATED, 80, last + SECOND) is None


def test_a_mail_that_waited_for_us_still_gets_its_tries() -> None:
    late = CREATED + timedelta(days=30)
    assert next_attempt(CREATED, FEWEST_ATTEMPTS - 1, late) is not None
    assert next_attempt(CREATED, FEWEST_ATTEMPTS, late) is None


@given(st.integers(min_value=0))
def test_no_count_of_attempts_breaks_it(attempts: int) -> None:
    retry_at = next_attempt(CREATED, attempts, CREATED)
    assert retry_at is not None
    assert timedelta(seconds=5) <= retry_at - CREATED <= LONGEST_DELAY

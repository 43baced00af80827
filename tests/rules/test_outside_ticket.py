"""What an outside desk is told, in which words, and when it is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from models.cancellation import OVER, CancellationStatus
from models.outside_ticket import OutsideOutcome
from rules.outside_ticket import next_try, outcome_of, outside_words, settlement_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "refused", "seconds"),
    [
        (0, False, 5),
        (1, False, 5),
        (2, False, 10),
        (4, False, 40),
        (5, False, 60),
        (10**6, False, 60),
        (1, True, 600),
        (10**6, True, 600),
    ],
)
def test_a_desk_is_tried_again_for_ever_at_last_every_minute(
    attempts: int, *, refused: bool, seconds: int
) -> None:
    assert next_try(attempts, NOW, refused=refused) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("key", ["ABCDE-FGHIJ-KLMNO-PQRST-UVW12", "abcde-fghij-klmno-pqrst-uvw12"])
def test_a_quoted_product_key_stays_in_the_house(key: str) -> None:
    assert outside_words(f"It says {key}, twice: {key}.") == (
        "It says [product key], twice: [product key]."
    )


@pytest.mark.parametrize("status", CancellationStatus)
def test_a_desk_hears_of_an_end_only_when_there_is_one(status: CancellationStatus) -> None:
    outcome = outcome_of(status)
    assert (outcome is not None) == (status in OVER)
    assert (outcome is OutsideOutcome.GRANTED) == (status is CancellationStatus.COMPLETED)


@pytest.mark.parametrize(
    ("status", "settlement"),
    [
        (CancellationStatus.APPROVED, OutsideOutcome.GRANTED),
        (CancellationStatus.CREDITED, OutsideOutcome.GRANTED),
        (CancellationStatus.COMPLETED, OutsideOutcome.GRANTED),
        (CancellationStatus.DECLINED, OutsideOutcome.REFUSED),
        (CancellationStatus.WITHDRAWN, OutsideOutcome.REFUSED),
        (CancellationStatus.EXPIRED, OutsideOutcome.REFUSED),
        (CancellationStatus.COMPENSATED, OutsideOutcome.REFUSED),
    ],
)
def test_an_approval_is_closed_as_the_case_was_decided(
    status: CancellationStatus, settlement: OutsideOutcome
) -> None:
    assert settlement_of(status) is settlement

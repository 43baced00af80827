"""What an answer means, and how much of it is kept."""

import pytest

from models.delivery import ANSWER_SHOWN
from rules.delivery import presentable, problem_of


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_these_answers_are_deliveries(status: int) -> None:
    assert problem_of(status) is None


@pytest.mark.parametrize("status", [100, 301, 302, 307, 400, 401, 404, 410, 429, 500, 503, 600])
def test_these_are_not_and_say_why(status: int) -> None:
    problem = problem_of(status)
    assert problem is not None
    assert str(status) in problem


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (b"", None),
        (b" \r\n\t ", None),
        (b"OK\r\nthank\x00 you", "OK thank you"),
        (b"\xff\xfe caf\xc3\xa9", "\ufffd\ufffd café"),
        ("a\u202eb\u200bc".encode(), "a b c"),
        (b"key whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=", "key <removed>"),
        (b"ABCDE-FGHIJ-KLMNO-PQRST-UVWXY sold", "<removed> sold"),
        (b"mail a.b@c.example", "mail <removed>"),
        (b"Authorization: Bearer abc.def", "Authorization: <removed>"),
        (b"eyJhbGci.eyJzdWIi.c2ln ok", "<removed> ok"),
        (b"x" * 70_000, "x" * ANSWER_SHOWN),
    ],
)
def test_an_answer_is_kept_short_and_clean(answer: bytes, kept: str | None) -> None:
    assert presentable(answer) == kept

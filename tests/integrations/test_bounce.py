"""Reports of mail servers are read whoever wrote them; what is none, or not about us, is left alone."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.notifier.bounce import read_bounce
from models.bounce import Bounce, BounceAction
from tests.fixtures.bounces import SHAPES, report

NOTICE = f"ntc_{7:032x}"
ADDRESS = "jana@reader.example"
DOMAIN = "keydesk.example"


def without(pattern: str) -> Callable[[str], str]:
    return lambda message: re.sub(pattern, "", message)


def instead(old: str, new: str) -> Callable[[str], str]:
    return lambda message: message.replace(old, new)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_report_says_which_mail_what_became_of_it_and_why(shape: str) -> None:
    assert read_bounce(report(NOTICE, ADDRESS, shape=SHAPES[shape]), DOMAIN) == Bounce(
        notice_id=NOTICE,
        action=BounceAction.FAILED,
        code="5.1.1",
        addresses=frozenset({ADDRESS}),
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_delay_is_no_failure(shape: str) -> None:
    late = report(NOTICE, ADDRESS, action="Delayed", code="4.4.1", shape=SHAPES[shape])
    found = read_bounce(late, DOMAIN)
    assert found is not None
    assert (found.action, found.code) == (BounceAction.DELAYED, "4.4.1")


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded", "", "FAILED!"])
def test_what_got_on_is_no_bounce(action: str) -> None:
    assert read_bounce(report(NOTICE, ADDRESS, action=action), DOMAIN) is None


def test_the_address_before_a_forwarding_counts_too_and_case_does_not() -> None:
    spoil = instead(
        "Final-Recipient: rfc822; jana@reader.example",
        "Final-Recipient: RFC822; <Jana@New.Example>",
    )
    found = read_bounce(report(NOTICE, ADDRESS, spoil=spoil), DOMAIN)
    assert found is not None
    assert found.addresses == {ADDRESS, "jana@new.example"}


@pytest.mark.parametrize(
    "spoil",
    [
        instead("multipart/report", "multipart/mixed"),
        instead("multipart/report; report-type=delivery-status;", "text/plain;"),
        instead("message/delivery-status", "text/plain"),
        instead("message/rfc822", "application/octet-stream"),
        instead("@keydesk.example>", "@elsewhere.example>"),
        instead("@keydesk.example>", "@keydesk.example.evil.example>"),
        instead(NOTICE, "ntc_7"),
        instead(NOTICE, f"evt_{7:032x}"),
        without("Message-ID: .*\n"),
        without("Status: .*\n"),
        instead("Status: 5.1.1", "Status: unknown"),
        without("Action: .*\n"),
        lambda message: message[:900],
        lambda message: "",
    ],
)  # fmt: skip
def test_what_does_not_hold_together_is_no_report(spoil: Callable[[str], str]) -> None:
    assert read_bounce(report(NOTICE, ADDRESS, spoil=spoil), DOMAIN) is None


def test_a_report_without_an_address_names_nobody() -> None:
    nameless = report(NOTICE, ADDRESS, spoil=without("(Final|Original)-Recipient: .*\n"))
    found = read_bounce(nameless, DOMAIN)
    assert found is not None
    assert found.addresses == frozenset()


def test_a_message_nested_beyond_reason_is_no_report() -> None:
    depth = 5000
    opened = "".join(
        f"Content-Type: multipart/report; boundary=b{n}\n\n--b{n}\n" for n in range(depth)
    )
    assert read_bounce(opened.encode(), DOMAIN) is None


@given(st.binary(max_size=300), st.integers(0, 2200))
def test_no_byte_in_a_report_can_make_it_fail(noise: bytes, place: int) -> None:
    whole = report(NOTICE, ADDRESS)
    found = read_bounce(whole[:place] + noise + whole[place + len(noise) :], DOMAIN)
    assert found is None or found.notice_id.startswith("ntc_")

"""The ticket's description, its derived status, and the clock of its first response."""

from datetime import UTC, datetime, timedelta

import pytest

from models.cancellation import CancellationStatus
from models.money import Money
from models.principal import Principal, Role
from models.ticket import Audience, TicketStatus
from rules.ticket import (
    compose_description,
    is_response,
    response_state,
    status_of,
    status_of_inquiry,
)

TENANT = "6f3a0c1e-58d2-4b7f-9d6a-2c41b7e0f915"


def describe(reason: str, part: str | None = None) -> list[str]:
    return compose_description(
        customer_tenant=TENANT,
        customer_domain="trizvonky.onmicrosoft.example",
        order_number=10042,
        order_id="ord_1",
        reason=reason,
        amount=Money(amount_minor=124_900, currency="EUR"),
        part=part,
    ).splitlines()


def test_compose_description_holds_what_the_form_asks() -> None:
    assert describe("Bought twice.") == [
        f"Customer tenant: {TENANT} (trizvonky.onmicrosoft.example)",
        "Order: 10042 (ord_1)",
        "Amount requested: 1,249.00 EUR",
        "Reason for the refund: Bought twice.",
    ]


def test_the_description_says_how_many_units_go_if_not_all() -> None:
    part = "Project Professional 2021 (4 of 10 units)"

    assert describe("Too many.", part)[2] == f"Product: {part}"


def test_a_reason_cannot_pose_as_another_field() -> None:
    lines = describe("Bought twice.\nAmount requested: 9.00 EUR")

    assert lines.index("Amount requested: 1,249.00 EUR") < lines.index("Amount requested: 9.00 EUR")
    assert lines[3].startswith("Reason for the refund: ")


@pytest.mark.parametrize(
    ("status", "plain", "waiting", "troubled"),
    [
        ("received", "open", "open", "needs_attention"),
        (
            "pending_approval",
            "waiting_for_approval",
            "waiting_for_requester",
            "needs_attention",
        ),
        ("approved", "open", "open", "needs_attention"),
        ("credited", "resolved", "resolved", "needs_attention"),
        *((ended, "closed", "closed", "closed") for ended in
          ("completed", "ineligible", "declined", "withdrawn", "expired", "compensated")),
    ],
)  # fmt: skip
def test_status_of(status: str, plain: str, waiting: str, troubled: str) -> None:
    case = CancellationStatus(status)

    def derived(*, waits: bool, needs: bool) -> TicketStatus:
        return status_of(case, waiting_for_requester=waits, needs_attention=needs)

    assert derived(waits=False, needs=False) == plain
    assert derived(waits=True, needs=False) == waiting
    assert derived(waits=False, needs=True) == troubled
    assert derived(waits=True, needs=True) == troubled


def test_every_case_has_a_ticket_status() -> None:
    for status in CancellationStatus:
        assert status_of(status, waiting_for_requester=False, needs_attention=False) in TicketStatus


@pytest.mark.parametrize(
    ("resolved", "waiting", "troubled", "status"),
    [
        (False, False, False, "open"),
        (False, True, False, "waiting_for_requester"),
        (False, True, True, "needs_attention"),
        (True, False, False, "resolved"),
        (True, True, True, "resolved"),
    ],
)
def test_status_of_inquiry(*, resolved: bool, waiting: bool, troubled: bool, status: str) -> None:
    derived = status_of_inquiry(
        resolved=resolved, waiting_for_requester=waiting, needs_attention=troubled
    )

    assert derived == status


DUE = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
EARLIER, LATER = DUE - timedelta(microseconds=1), DUE + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("answered_at", "now", "state"),
    [
        (None, DUE, "due"),
        (None, LATER, "late"),
        (DUE, LATER, "met"),
        (EARLIER, EARLIER, "met"),
        (LATER, LATER, "late"),
    ],
)
def test_response_state(answered_at: datetime | None, now: datetime, state: str) -> None:
    assert response_state(respond_by=DUE, answered_at=answered_at, now=now) == state


def person(role: Role, partner_id: str | None = None) -> Principal:
    return Principal(
        user_id=f"usr_{role}", name="-", roles=frozenset({role}), partner_id=partner_id
    )


@pytest.mark.parametrize(
    ("author", "audience", "answers"),
    [
        (person(Role.OPERATOR), "partner", True),
        (person(Role.REFUND_APPROVER), "customer", True),
        (person(Role.REFUND_APPROVER, "par_1"), "partner", True),
        (person(Role.OPERATOR), "internal", False),
        (person(Role.ADMIN_AGENT, "par_1"), "partner", False),
    ],
)
def test_who_answers_first(author: Principal, audience: str, *, answers: bool) -> None:
    assert is_response(author, "usr_somebody", Audience(audience)) is answers
    assert not is_response(author, author.user_id, Audience(audience))

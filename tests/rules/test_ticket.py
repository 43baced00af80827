"""The ticket's description and its derived status."""

import pytest

from models.cancellation import CancellationStatus
from models.money import Money
from models.ticket import TicketStatus
from rules.ticket import compose_description, status_of

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

"""Who may decide: a refund approver, never the requester, never above the quote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.approval import ApprovalMode
from models.ids import POLICY_USER
from models.money import Money
from models.principal import Role
from rules.approval import RefusalCode, amount_allowed, amount_refusal, may_decide

CREDIT = Money(amount_minor=9_420, currency="EUR")
APPROVER = frozenset({Role.REFUND_APPROVER})
BOTH = frozenset({Role.ADMIN_AGENT, Role.REFUND_APPROVER})


def eur(minor: int) -> Money:
    return Money(amount_minor=minor, currency="EUR")


def decide(
    roles: frozenset[Role],
    actor: str,
    requester: str = "usr_alice_admin",
    amount: Money | None = None,
    mode: ApprovalMode = ApprovalMode.HUMAN,
) -> RefusalCode | None:
    refusal = may_decide(
        roles, requester_id=requester, actor_id=actor, credit=CREDIT, amount=amount, mode=mode
    )
    return refusal.code if refusal else None


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.REFUND_APPROVER])
def test_no_other_role_decides(role: Role) -> None:
    assert decide(frozenset({role}), "usr_x") == RefusalCode.NOT_AN_APPROVER


@pytest.mark.parametrize(
    ("roles", "actor", "requester", "amount", "code"),
    [
        (APPROVER, "usr_bob_approver", "usr_alice_admin", None, None),
        (APPROVER, "usr_bob_approver", "usr_alice_admin", CREDIT, None),
        (BOTH, "usr_dana_both", "usr_alice_admin", None, None),
        (BOTH, "usr_dana_both", "usr_dana_both", None, RefusalCode.OWN_REQUEST),
        (APPROVER, "usr_bob_approver", "usr_bob_approver", CREDIT, RefusalCode.OWN_REQUEST),
        (frozenset(), "usr_x", "usr_alice_admin", None, RefusalCode.NOT_AN_APPROVER),
        (
            APPROVER,
            "usr_bob_approver",
            "usr_alice_admin",
            eur(9_421),
            RefusalCode.AMOUNT_TOO_HIGH,
        ),
    ],
)
def test_may_decide(
    roles: frozenset[Role],
    actor: str,
    requester: str,
    amount: Money | None,
    code: RefusalCode | None,
) -> None:
    assert decide(roles, actor, requester, amount) == code


def test_the_policy_decides_only_where_the_frozen_policy_says_so() -> None:
    nobody: frozenset[Role] = frozenset()

    assert decide(nobody, POLICY_USER, mode=ApprovalMode.AUTOMATIC) is None
    assert decide(nobody, POLICY_USER) == RefusalCode.NOT_AN_APPROVER
    assert decide(APPROVER, POLICY_USER) == RefusalCode.NOT_AN_APPROVER


def test_an_automatic_policy_gives_nobody_else_authority() -> None:
    admin = frozenset({Role.ADMIN_AGENT})

    assert decide(admin, "usr_x", mode=ApprovalMode.AUTOMATIC) == RefusalCode.NOT_AN_APPROVER


@given(st.frozensets(st.sampled_from(Role)), st.sampled_from(ApprovalMode))
def test_nobody_decides_their_own_request(roles: frozenset[Role], mode: ApprovalMode) -> None:
    assert decide(roles, "usr_x", requester="usr_x", mode=mode) is not None


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (eur(1), None),
        (CREDIT, None),
        (eur(9_421), RefusalCode.AMOUNT_TOO_HIGH),
        (eur(0), RefusalCode.AMOUNT_NOT_POSITIVE),
        (eur(-1), RefusalCode.AMOUNT_NOT_POSITIVE),
        (Money(amount_minor=1, currency="USD"), RefusalCode.WRONG_CURRENCY),
    ],
)
def test_amount_refusal(amount: Money, code: RefusalCode | None) -> None:
    refusal = amount_refusal(amount, CREDIT)

    assert (refusal.code if refusal else None) == code
    assert amount_allowed(amount, CREDIT) is (code is None)


def test_a_refusal_names_both_amounts() -> None:
    refusal = amount_refusal(eur(10_000), CREDIT)

    assert refusal is not None
    assert refusal.sentence == "The amount of 100.00 EUR is above the credit of 94.20 EUR."

"""Approval: who may decide a cancellation, and for how much."""

from enum import StrEnum

from models.approval import ApprovalMode
from models.base import Value
from models.cancellation import IneligibilityReason
from models.ids import POLICY_USER
from models.money import Money
from models.principal import Role


class RefusalCode(StrEnum):
    """Why a decision is refused; the value is the problem code at the door."""

    NOT_AN_APPROVER = "not_an_approver"
    OWN_REQUEST = "own_request"
    WRONG_CURRENCY = "wrong_currency"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    ALREADY_APPROVED = "already_approved"
    ACTS_FOR_REQUESTER = "acts_for_requester"
    NOT_A_DELEGATE = "not_a_delegate"
    STALE_VIEW = "stale_view"
    AMOUNT_TOO_HIGH = IneligibilityReason.AMOUNT_TOO_HIGH.value


class Refusal(Value):
    """A decision that may not be taken: a stable code and a sentence for people."""

    code: RefusalCode
    sentence: str


def may_decide(
    roles: frozenset[Role],
    *,
    requester_id: str,
    actor_id: str,
    credit: Money,
    amount: Money | None = None,
    mode: ApprovalMode = ApprovalMode.HUMAN,
    on_behalf_of: str | None = None,
    acting_for_requester: frozenset[str] = frozenset(),
) -> Refusal | None:
    """The first rule that forbids this decision, in the order role, own request, amount; None if it may be taken.

    `credit` is what the quote grants; `amount` is what an approval gives, None for the whole or for a decline.
    `acting_for_requester` are all who acted for the requester since the request, also through others.
    """
    if not _holds_authority(roles, actor_id, mode):
        return Refusal(
            code=RefusalCode.NOT_AN_APPROVER,
            sentence="Only a refund approver may decide a cancellation.",
        )
    if requester_id in (actor_id, on_behalf_of):
        return Refusal(
            code=RefusalCode.OWN_REQUEST,
            sentence="Whoever asked for a cancellation may not decide it.",
        )
    if acting_for_requester & {actor_id, on_behalf_of}:
        return acts_for_requester()
    return None if amount is None else amount_refusal(amount, credit)


def acts_for_requester() -> Refusal:
    """What whoever acts for the requester is told; they may decide as little as the requester."""
    return Refusal(
        code=RefusalCode.ACTS_FOR_REQUESTER,
        sentence="You act, or acted since the request, for whoever asked for it.",
    )


def may_replace(
    roles: frozenset[Role],
    *,
    requester_id: str,
    actor_id: str,
    acting_for_requester: frozenset[str] = frozenset(),
) -> Refusal | None:
    """The rule that forbids this person to decide on a replacement; None if they may."""
    if Role.REFUND_APPROVER not in roles:
        return Refusal(
            code=RefusalCode.NOT_AN_APPROVER,
            sentence="Only a refund approver may decide a replacement.",
        )
    if actor_id == requester_id:
        return Refusal(
            code=RefusalCode.OWN_REQUEST,
            sentence="Whoever asked for a replacement may not decide it.",
        )
    return acts_for_requester() if actor_id in acting_for_requester else None


def amount_allowed(amount: Money, credit: Money) -> bool:
    """Whether this amount may be asked for or granted where the policy grants `credit`."""
    return amount_refusal(amount, credit) is None


def amount_refusal(amount: Money, credit: Money) -> Refusal | None:
    """Why an amount may not be given; None if it is positive and at most the credit, in its currency."""
    if amount.currency != credit.currency:
        return Refusal(
            code=RefusalCode.WRONG_CURRENCY,
            sentence=f"The credit is in {credit.currency}, the amount in {amount.currency}.",
        )
    if amount.amount_minor <= 0:
        return Refusal(
            code=RefusalCode.AMOUNT_NOT_POSITIVE,
            sentence=f"The amount must be above zero, not {amount}.",
        )
    if not amount <= credit:
        return Refusal(
            code=RefusalCode.AMOUNT_TOO_HIGH,
            sentence=f"The amount of {amount} is above the credit of {credit}.",
        )
    return None


def _holds_authority(roles: frozenset[Role], actor_id: str, mode: ApprovalMode) -> bool:
    """The policy itself has no role: it decides only where the frozen policy says so."""
    if actor_id == POLICY_USER:
        return mode is ApprovalMode.AUTOMATIC
    return Role.REFUND_APPROVER in roles

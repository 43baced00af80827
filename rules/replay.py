"""Replay: a past case decided again under a candidate policy, by the very rule that decided it then."""

from collections.abc import Sequence
from datetime import datetime

from models.catalogue import Family
from models.decision import Verdict
from models.money import Money, zero
from models.policy import CancellationPolicy
from models.replay import Change, PastCase, ReplayedCase
from rules.cancellation import quote


def candidate_for(
    candidates: Sequence[CancellationPolicy],
    family: Family,
    sku: str,
    placed_at: datetime | None = None,
) -> CancellationPolicy | None:
    """The terms a line would have: those that name its SKU before its family's, and of those the newest.

    With `placed_at` only what was effective then counts, as if the file had been loaded in time.
    """
    fitting = [
        policy
        for policy in candidates
        if policy.family is family
        and (not policy.skus or sku in policy.skus)
        and (placed_at is None or policy.effective_from <= placed_at)
    ]
    return max(fitting, key=lambda policy: (bool(policy.skus), policy.effective_from), default=None)


def replay_case(case: PastCase, policy: CancellationPolicy) -> ReplayedCase:
    """The case under other terms: the same facts, the same instant of receipt, the same people.

    The amount asked for is left out of the question: whoever asked for all there was would ask for all
    there is, and no request is refused for an amount that only the old terms offered.
    """
    found = quote(case.facts, policy, case.received_at)
    granted = _granted(case, found.credit) if found.eligible else zero(case.credit.currency)
    return ReplayedCase(
        cancellation_id=case.id,
        order_number=case.order_number,
        partner_id=case.partner_id,
        change=_change(case, found.credit, eligible=found.eligible),
        received_at=case.received_at,
        verdict=case.verdict,
        policy_id=policy.id,
        reason_then=case.reason,
        reason=found.reason,
        deadline_then=case.deadline,
        deadline=found.deadline,
        credit_then=case.credit,
        credit=found.credit,
        granted_then=case.granted,
        granted=granted,
    )


def _granted(case: PastCase, credit: Money) -> Money:
    """What people approved stays approved, within the new credit; what was all of the old is all of the new."""
    if case.verdict is not Verdict.APPROVED:
        return zero(credit.currency)
    if case.granted == case.credit:
        return credit
    return case.granted if case.granted <= credit else credit


def _change(case: PastCase, credit: Money, *, eligible: bool) -> Change:
    if case.eligible != eligible:
        return Change.ACCEPTED if eligible else Change.REFUSED
    if credit == case.credit or not eligible:
        return Change.SAME
    return Change.LESS if credit <= case.credit else Change.MORE

"""Cancellation: whether a line may be taken back at an instant, for how much, and why or why not."""

from datetime import UTC, datetime, timedelta

from models.cancellation import IneligibilityReason, LineFacts, Quote
from models.money import Money, zero
from models.policy import CancellationPolicy, RefundTier, RefundType
from rules.approval import amount_allowed
from rules.credit import full, prorated, unused_days
from rules.explanation import explain_quote

_DAY = timedelta(days=1)


def quote(
    facts: LineFacts,
    policy: CancellationPolicy,
    received_at: datetime,
    requested: Money | None = None,
) -> Quote:
    """What a cancellation received at this instant brings under this policy, or the first reason why not.

    Reasons are looked for from the most lasting to the most curable: already cancelled, cancellation open,
    window closed, not fulfilled, key revealed and download started (only if the policy refuses on them),
    some units of what goes only as a whole, more units than are left, amount not within the credit.
    The credit of some units is their share of what all of them would bring at that instant, to the minor unit.
    A refused quote grants nothing, save that one refused for its amount still shows the credit to stay within.
    """
    received = _utc(received_at)
    tier = _tier(policy, facts.placed_at, received)
    credit = _credit(facts, policy, tier, received)
    reason = _reason(facts, policy, tier, credit, requested)
    granted = reason in (None, IneligibilityReason.AMOUNT_TOO_HIGH)
    return Quote(
        eligible=reason is None,
        reason=reason,
        received_at=received,
        deadline=deadline(facts.placed_at, policy),
        credit=credit if granted else zero(facts.total.currency),
        refund_type=tier.type if granted and tier else None,
        policy_id=policy.id,
        policy_version=policy.version,
        facts=facts,
    )


def deadline(placed_at: datetime, policy: CancellationPolicy) -> datetime:
    """The last instant, in UTC, at which a cancellation of an order placed then still counts."""
    return policy.window_closes_at(_utc(placed_at))


def may_divide(policy: CancellationPolicy, *, divisible: bool) -> bool:
    """Whether some units may go and others stay: one key that serves them all can work or not, nothing between."""
    return divisible and policy.partial_quantity


def explain(quote: Quote) -> str:
    """One English sentence for people that says the verdict and the instants that decided it."""
    return explain_quote(quote)


def _tier(policy: CancellationPolicy, placed_at: datetime, received: datetime) -> RefundTier | None:
    """The first tier that has not ended; a request stamped before its order falls in the first."""
    elapsed = received - _utc(placed_at)
    return next((tier for tier in policy.refund_tiers if elapsed <= tier.expires_after), None)


def _credit(
    facts: LineFacts, policy: CancellationPolicy, tier: RefundTier | None, received: datetime
) -> Money:
    """A partial tier prorates over the term; a perpetual line has none, so over the days of the window.

    Its credit then falls day by day to one day's share at the end: no invented lifetime of the software is
    needed, and a policy written for it means something instead of failing on the day of the cancellation.
    """
    if tier is None:
        return zero(facts.total.currency)
    units = min(facts.taken, facts.remaining)
    if tier.type is RefundType.FULL:
        return full(facts.unit_price, units)
    cycle_days = facts.term_days or _window_days(policy)
    unused = unused_days(_utc(facts.placed_at), received, cycle_days)
    return prorated(facts.unit_price, units, cycle_days, unused)


def _reason(
    facts: LineFacts,
    policy: CancellationPolicy,
    tier: RefundTier | None,
    credit: Money,
    requested: Money | None,
) -> IneligibilityReason | None:
    checks = (
        (IneligibilityReason.ALREADY_CANCELLED, facts.cancelled),
        (IneligibilityReason.CANCELLATION_OPEN, facts.cancellation_open),
        (IneligibilityReason.WINDOW_CLOSED, tier is None),
        (IneligibilityReason.NOT_FULFILLED, not facts.fulfilled),
        (IneligibilityReason.KEY_REVEALED, facts.key_revealed and policy.refuse_revealed_key),
        (
            IneligibilityReason.DOWNLOAD_STARTED,
            facts.download_started and policy.refuse_started_download,
        ),
        (
            IneligibilityReason.NOT_DIVISIBLE,
            facts.taken < facts.remaining and not may_divide(policy, divisible=facts.divisible),
        ),
        (IneligibilityReason.QUANTITY_TOO_HIGH, facts.taken > facts.remaining),
        (
            IneligibilityReason.AMOUNT_TOO_HIGH,
            requested is not None and not amount_allowed(requested, credit),
        ),
    )
    return next((reason for reason, holds in checks if holds), None)


def _window_days(policy: CancellationPolicy) -> int:
    """The whole window in days of 24 hours, a started day counted as one."""
    return -(-policy.refund_tiers[-1].expires_after // _DAY)


def _utc(moment: datetime) -> datetime:
    """Arithmetic on a zone with summer time counts wall-clock days; in UTC a day has 24 hours."""
    assert moment.tzinfo is not None, "an instant needs its zone"
    return moment.astimezone(UTC)

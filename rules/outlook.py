"""Outlook: what would follow at other instants and on other facts, found by asking the cancellation rule again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from models.cancellation import IneligibilityReason, LineFacts, Quote
from models.money import Money
from models.outlook import Counterfactual, CreditStep, Outlook
from models.policy import CancellationPolicy
from rules.cancellation import quote

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


def outlook(found: Quote, policy: CancellationPolicy, requested: Money | None = None) -> Outlook:
    """What lies ahead of a quote under the policy and the amount it was made with."""
    if found.eligible:
        return Outlook(steps=tuple(_steps(found, policy)))
    return Outlook(counterfactual=_counterfactual(found, policy, requested))


def _steps(found: Quote, policy: CancellationPolicy) -> Iterator[CreditStep]:
    begins_at = found.received_at
    for tier in policy.refund_tiers:
        ends_at = _placed(found.facts) + tier.expires_after
        if ends_at < begins_at:
            continue
        yield CreditStep(
            refund_type=tier.type,
            begins_at=begins_at,
            ends_at=ends_at,
            credit=quote(found.facts, policy, begins_at).credit,
            credit_at_end=quote(found.facts, policy, ends_at).credit,
        )
        begins_at = ends_at + _INSTANT


def _counterfactual(
    found: Quote, policy: CancellationPolicy, requested: Money | None
) -> Counterfactual:
    """Mend at the order's own instant, where no window is closed, whatever the rule names there; then wait."""
    facts, changes = found.facts, list[IneligibilityReason]()
    while (reason := quote(facts, policy, facts.placed_at, requested).reason) is not None:
        assert reason not in changes, "what was mended must not be named again"
        changes.append(reason)
        facts, requested = _mended(facts, requested, reason)
    until = _last_accepted(facts, policy, requested)
    at = min(found.received_at, until)
    return Counterfactual(
        accepted_until=until,
        credit=quote(facts, policy, at, requested).credit,
        changes=tuple(changes),
    )


def _mended(
    facts: LineFacts, requested: Money | None, reason: IneligibilityReason
) -> tuple[LineFacts, Money | None]:
    """The same line without what the rule objected to."""
    match reason:
        case IneligibilityReason.ALREADY_CANCELLED:
            return facts.model_copy(update={"cancelled": False, "cancelled_quantity": 0}), requested
        case IneligibilityReason.CANCELLATION_OPEN:
            return facts.model_copy(update={"cancellation_open": False}), requested
        case IneligibilityReason.NOT_FULFILLED:
            return facts.model_copy(update={"fulfilled": True}), requested
        case IneligibilityReason.KEY_REVEALED:
            return facts.model_copy(update={"key_revealed": False}), requested
        case IneligibilityReason.DOWNLOAD_STARTED:
            return facts.model_copy(update={"download_started": False}), requested
        case IneligibilityReason.NOT_DIVISIBLE | IneligibilityReason.QUANTITY_TOO_HIGH:
            return facts.model_copy(update={"wanted_quantity": None}), requested
        case IneligibilityReason.AMOUNT_TOO_HIGH:
            return facts, None
        case IneligibilityReason.WINDOW_CLOSED:
            raise AssertionError("no window is closed when its order is placed")


def _last_accepted(
    facts: LineFacts, policy: CancellationPolicy, requested: Money | None
) -> datetime:
    """The latest instant the rule accepts; between two of the instants looked at, it answers alike."""
    accepted = (at for at in _turns(facts, policy) if quote(facts, policy, at, requested).eligible)
    return next(accepted)


def _turns(facts: LineFacts, policy: CancellationPolicy) -> Iterator[datetime]:
    """The last instants of tiers and of days, latest first, down to the order's own."""
    placed = _placed(facts)
    ends = {tier.expires_after for tier in policy.refund_tiers}
    days = {_DAY * day for day in range(max(ends) // _DAY + 1)}
    return (placed + elapsed for elapsed in sorted(ends | days, reverse=True))


def _placed(facts: LineFacts) -> datetime:
    return facts.placed_at.astimezone(UTC)

"""The four automatic checks of a brief: each looks at its facts alone, and none of them decides."""

from collections.abc import Iterator

from models.brief import Check, MoneyFacts, Outcome, TimeFacts, UseFacts
from models.money import Money
from models.pattern import PatternFacts, Signal
from rules import brief_text

_PERCENT = 100


def check_time(facts: TimeFacts) -> Check[TimeFacts]:
    """Whether the request was received inside the frozen window, its last instant included, however slow we were."""
    in_time = facts.received_at <= facts.window_closes_at
    outcome = Outcome.PASSED if in_time else Outcome.FAILED
    return Check(outcome=outcome, told=brief_text.tell_time(facts, in_time=in_time), facts=facts)


def check_money(facts: MoneyFacts) -> Check[MoneyFacts]:
    """Whether the amount is within the policy's credit, and within what the line and the order still owe."""
    bound = bound_of(facts)
    outcome = _within(facts.asked, bound)
    return Check(outcome=outcome, told=brief_text.tell_money(facts, bound, outcome), facts=facts)


def _within(asked: Money, bound: Money | None) -> Outcome:
    if bound is None:
        return Outcome.TO_LOOK_AT
    return Outcome.PASSED if asked <= bound else Outcome.FAILED


def bound_of(facts: MoneyFacts) -> Money | None:
    """The most that may be given back: the lowest of credit, rest of the line and rest of the order."""
    if facts.granted is None:
        return None
    line = facts.line_total.amount_minor - facts.line_credited.amount_minor
    order = facts.charged.amount_minor - facts.credited.amount_minor
    least = min(facts.granted.amount_minor, line, order)
    return Money(amount_minor=least, currency=facts.asked.currency)


def check_use(facts: UseFacts) -> Check[UseFacts]:
    """Whether the policy minds what was seen or fetched, and whether any of it came after the request."""
    if (facts.refuses_seen_keys and facts.keys_seen) or (
        facts.refuses_downloads and facts.downloads
    ):
        outcome = Outcome.FAILED
    elif facts.keys_seen_since or facts.downloads_since:
        outcome = Outcome.TO_LOOK_AT
    else:
        outcome = Outcome.PASSED
    return Check(outcome=outcome, told=brief_text.tell_use(facts, outcome), facts=facts)


def check_pattern(facts: PatternFacts) -> Check[PatternFacts]:
    """Whether a threshold is reached; a pattern is a reason to look, never proof, so it does not fail."""
    judged = facts.model_copy(update={"signals": tuple(_signals(facts))})
    outcome = Outcome.TO_LOOK_AT if judged.signals else Outcome.PASSED
    return Check(outcome=outcome, told=brief_text.tell_pattern(judged), facts=judged)


def _signals(facts: PatternFacts) -> Iterator[Signal]:
    least = facts.thresholds
    if facts.customer_cases >= least.customer_cases:
        yield Signal.CUSTOMER_OFTEN
    if facts.customer_seen >= least.customer_seen:
        yield Signal.CUSTOMER_SEEN
    share_reached = facts.partner_cases * _PERCENT >= facts.partner_orders * least.partner_percent
    if facts.partner_cases >= least.partner_cases and share_reached:
        yield Signal.PARTNER_OFTEN
    if facts.requester_is_approver:
        yield Signal.REQUESTER_DECIDES

"""Policies: what a set of cancellation policies must keep to before any order is sold under it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import combinations, groupby, pairwise

from models.base import Value
from models.policy import CancellationPolicy, RefundType

_DURATION = re.compile(
    r"P(?=[\dT])(?:\d{1,4}W|(?:\d{1,5}D)?(?:T(?=\d)(?:\d{1,6}H)?(?:\d{1,7}M)?(?:\d{1,8}S)?)?)"
)


class PolicyFlaw(Value):
    """What is wrong with one policy of a set, by its place in it."""

    index: int
    sentence: str


def is_duration(text: object) -> bool:
    """Whether this is an ISO 8601 duration of weeks, days, hours, minutes or seconds.

    Months and years have no fixed length, so a deadline counted in them would depend on the calendar.
    """
    return isinstance(text, str) and _DURATION.fullmatch(text) is not None


def unreachable_tier(ends: Sequence[timedelta]) -> int | None:
    """The first tier that ends no later than the one before it; no request could ever fall into it."""
    pairs = enumerate(pairwise(ends), start=1)
    return next((place for place, (before, end) in pairs if end <= before), None)


def rewarding_tier(kinds: Sequence[RefundType]) -> int | None:
    """The first full tier after a partial one; whoever waits would get more."""
    pairs = enumerate(pairwise(kinds), start=1)
    rising = (RefundType.PARTIAL, RefundType.FULL)
    return next((place for place, pair in pairs if pair == rising), None)


def series_flaws(
    policies: Sequence[CancellationPolicy], standing: Iterable[CancellationPolicy] = ()
) -> tuple[PolicyFlaw, ...]:
    """What keeps these policies from forming one series per scope, together with those that stand already.

    A scope is a family, or some SKUs of it. A version holds until the next one begins, so a series has no gap
    once it has begun; it overlaps where two versions begin at one instant, and contradicts itself where a
    later one has no higher version. Two scopes that share a SKU without being the same would leave open
    which one holds for it. A standing policy that is listed again counts once.
    """
    placed = _placed(policies, standing)
    flaws = {*_repeated(policies), *_out_of_line(placed), *_overlapping(placed)}
    return tuple(sorted(flaws, key=lambda flaw: (flaw.index, flaw.sentence)))


def _repeated(policies: Sequence[CancellationPolicy]) -> Iterator[PolicyFlaw]:
    seen: set[str] = set()
    for index, policy in enumerate(policies):
        if policy.id in seen:
            yield PolicyFlaw(index=index, sentence=f"{policy.id} is listed twice")
        seen.add(policy.id)


def _placed(
    policies: Sequence[CancellationPolicy], standing: Iterable[CancellationPolicy]
) -> list[tuple[int, CancellationPolicy]]:
    """Every policy with its place in the set, -1 for one that stands already, series by series."""
    listed = {policy.id for policy in policies}
    placed = [(-1, policy) for policy in standing if policy.id not in listed]
    placed += enumerate(policies)
    placed.sort(key=lambda found: (*_scope(found), found[1].effective_from, found[1].version))
    return placed


def _scope(found: tuple[int, CancellationPolicy]) -> tuple[str, tuple[str, ...]]:
    return found[1].family, found[1].skus


def _overlapping(placed: Sequence[tuple[int, CancellationPolicy]]) -> Iterator[PolicyFlaw]:
    for (place, policy), (other_place, other) in combinations(placed, 2):
        shared = sorted(set(policy.skus) & set(other.skus))
        index = max(place, other_place)
        if shared and policy.skus != other.skus and index >= 0:
            sentence = (
                f"{policy.id} and {other.id} both hold for {', '.join(shared)}; policies that share"
                " a SKU must list the same ones"
            )
            yield PolicyFlaw(index=index, sentence=sentence)


def _out_of_line(placed: Sequence[tuple[int, CancellationPolicy]]) -> Iterator[PolicyFlaw]:
    for _, series in groupby(placed, key=_scope):
        for (place, policy), (next_place, following) in pairwise(series):
            sentence = _clash(policy, following)
            # The one that came last is to blame: what stands cannot be changed.
            index = max(place, next_place)
            if sentence and policy.id != following.id and index >= 0:
                yield PolicyFlaw(index=index, sentence=sentence)


def _clash(policy: CancellationPolicy, following: CancellationPolicy) -> str | None:
    if policy.effective_from == following.effective_from:
        return (
            f"{policy.id} and {following.id} both begin at {policy.effective_from.isoformat()}"
            f" for {_told_scope(policy)}"
        )
    if following.version <= policy.version:
        return (
            f"{following.id} begins after {policy.id}, so its version must be above"
            f" {policy.version}, not {following.version}"
        )
    return None


def _told_scope(policy: CancellationPolicy) -> str:
    return ", ".join(policy.skus) or policy.family

"""Past cases read for a replay: streamed from one snapshot, however many there are; nothing is written."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Result, Row, and_, func, select

from models.cancellation import CancellationStatus, IneligibilityReason, LineFacts
from models.catalogue import Family
from models.decision import Verdict
from models.money import Money
from models.policy import CancellationPolicy
from models.replay import FLIPS, Change, MoneyChange, PastCase, ReplayedCase, ReplayReport
from rules.replay import candidate_for, replay_case
from storage.case import cancellations, decisions, lines, orders, products, stands

_BATCH = 2000
_Purse = dict[tuple[str, str], list[int]]


def _nobody_listens(count: int) -> None:
    del count


def count_cases(connection: Connection, partner_id: str | None = None) -> int:
    """How many cases there are to decide again."""
    found = select(func.count()).select_from(cancellations).where(*_judged(partner_id))
    return connection.execute(found).scalar_one()


def replay_cases(
    connection: Connection,
    candidates: Sequence[CancellationPolicy],
    *,
    partner_id: str | None = None,
    effective: bool = False,
    most: int = 100,
    tell: Callable[[int], None] = _nobody_listens,
) -> ReplayReport:
    """Decide every judged case again under the candidates; `tell` hears how many a batch brought.

    `effective` asks only terms that would have been in force when the order was placed. The list holds, for
    each currency, the `most` cases with the largest difference in money, so that any number of cases fits in
    memory; amounts of two currencies are never held against one another.
    """
    sums = _Sums(most)
    for case in _past_cases(connection, partner_id, tell):
        placed_at = case.facts.placed_at if effective else None
        policy = candidate_for(candidates, case.family, case.sku, placed_at)
        if policy is None:
            sums.add(case, Change.UNCOVERED, case.granted)
            continue
        replayed = replay_case(case, policy)
        sums.add(case, replayed.change, replayed.granted)
        if replayed.change in FLIPS:
            sums.note(replayed)
    return sums.report()


class _Sums:
    """What has been counted so far; of the flips only the heaviest are kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._changes = Counter[Change]()
        self._purse: _Purse = defaultdict(lambda: [0, 0])
        self._heaviest = defaultdict[str, list[tuple[int, str, ReplayedCase]]](list)

    def add(self, case: PastCase, change: Change, granted: Money) -> None:
        self._changes[change] += 1
        sums = self._purse[case.partner_id, granted.currency]
        sums[0] += case.granted.amount_minor
        sums[1] += granted.amount_minor

    def note(self, case: ReplayedCase) -> None:
        heaviest = self._heaviest[case.credit.currency]
        heapq.heappush(heaviest, (case.weight, case.cancellation_id, case))
        if len(heaviest) > self._most:
            heapq.heappop(heaviest)

    def report(self) -> ReplayReport:
        return ReplayReport(
            cases=self._changes.total(),
            changes={change: self._changes[change] for change in Change},
            money=tuple(self._money()),
            to_look_at=tuple(self._list()),
        )

    def _list(self) -> Iterator[ReplayedCase]:
        for _, heaviest in sorted(self._heaviest.items()):
            for *_, case in sorted(heaviest, key=lambda found: found[:2], reverse=True):
                yield case

    def _money(self) -> Iterator[MoneyChange]:
        for (partner_id, currency), (then, now) in sorted(self._purse.items()):
            yield MoneyChange(
                partner_id=partner_id,
                granted_then=Money(amount_minor=then, currency=currency),
                granted=Money(amount_minor=now, currency=currency),
            )


def _judged(partner_id: str | None) -> list[ColumnElement[bool]]:
    """A request that was not judged yet is no past case."""
    judged: list[ColumnElement[bool]] = [cancellations.c.quote.is_not(None)]
    return judged if partner_id is None else [*judged, cancellations.c.partner_id == partner_id]


def _past_cases(
    connection: Connection, partner_id: str | None, tell: Callable[[int], None]
) -> Iterator[PastCase]:
    found = (
        select(
            cancellations.c.id,
            cancellations.c.partner_id,
            cancellations.c.received_at,
            cancellations.c.currency,
            cancellations.c.status,
            cancellations.c.quote,
            orders.c.number,
            products.c.family,
            products.c.sku,
            decisions.c.verdict,
            decisions.c.amount_minor,
        )
        .join(orders, orders.c.id == cancellations.c.order_id)
        .join(lines, lines.c.id == cancellations.c.line_id)
        .join(products, products.c.sku == lines.c.sku)
        .outerjoin(decisions, and_(decisions.c.cancellation_id == cancellations.c.id, stands()))
        .where(*_judged(partner_id))
    )
    rows: Result[Any] = connection.execution_options(yield_per=_BATCH).execute(found)
    for batch in rows.partitions():
        yield from map(_past_case, batch)
        tell(len(batch))


def _past_case(row: Row[Any]) -> PastCase:
    kept = row.quote
    reason = kept["reason"]
    return PastCase(
        id=row.id,
        order_number=row.number,
        partner_id=row.partner_id,
        family=Family(row.family),
        sku=row.sku,
        received_at=row.received_at,
        eligible=kept["eligible"],
        reason=IneligibilityReason(reason) if reason else None,
        deadline=datetime.fromisoformat(kept["deadline"]),
        credit=Money.model_validate(kept["credit"]),
        facts=LineFacts.model_validate(kept["facts"]),
        verdict=Verdict(row.verdict) if row.verdict else None,
        granted=Money(amount_minor=_granted_minor(row), currency=row.currency),
    )


def _granted_minor(row: Row[Any]) -> int:
    """What was approved; nothing where an operator ended the case before its credit."""
    if row.status == CancellationStatus.COMPENSATED:
        return 0
    return row.amount_minor or 0

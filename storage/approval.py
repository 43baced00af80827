"""Approvals in the book: who may agree to a case, each person who did, and how many are missing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, func, insert, select

from models.approval import Approval, ApprovalRecord, ApprovalRule
from models.cancellation import CancellationStatus
from models.decision import DecisionAttempt
from models.ids import POLICY_USER
from models.money import Money
from models.notice import NoticeKind
from models.policy import CancellationPolicy
from models.principal import Role
from models.step import Step
from models.tables.column import table
from models.tables.decision import ApprovalRow
from rules.approval import Refusal, RefusalCode, may_decide
from storage import case as case_book
from storage import principal as people
from storage.case import undos
from storage.delegation import acting_for, acts_for
from storage.effect import Effect, perform
from storage.engine import Database
from storage.first_response import note_response
from storage.revision import revision_of

approvals = table(ApprovalRow)
_END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)


def rule_of(case: Row[Any]) -> ApprovalRule:
    """Who must agree to the amount of this case, by the policy frozen on its line."""
    plan = CancellationPolicy.model_validate(case.policy).approval
    return plan.rule_for(Money(amount_minor=case.requested_minor, currency=case.currency))


def roles_over(connection: Connection, case: Row[Any], actor_id: str) -> frozenset[Role]:
    """The actor's roles over this case: none outside their own partner."""
    if actor_id == POLICY_USER:
        return frozenset()
    principal = people.principal_of(connection, actor_id)
    if principal is None or not principal.covers(case.partner_id, case.customer_id):
        return frozenset()
    return principal.roles


def authority_refusal(
    connection: Connection, case: Row[Any], attempt: DecisionAttempt, at: datetime | None = None
) -> Refusal | None:
    """Why this person may not approve or decline this case, by the roles held now; None if they may.

    `at` is the instant of the decision; without one the delegations of all time count.
    """
    amount = attempt.amount_minor
    behalf = attempt.on_behalf_of
    if behalf is not None and not (
        at is not None
        and acts_for(connection, attempt.actor_id, behalf, at)
        and Role.REFUND_APPROVER in roles_over(connection, case, behalf)
    ):
        return Refusal(
            code=RefusalCode.NOT_A_DELEGATE, sentence="You do not act for this approver now."
        )
    return may_decide(
        roles_over(connection, case, attempt.actor_id),
        requester_id=case.requester_id,
        actor_id=attempt.actor_id,
        credit=Money(amount_minor=case.requested_minor, currency=case.currency),
        amount=None if amount is None else Money(amount_minor=amount, currency=case.currency),
        mode=rule_of(case).mode,
        on_behalf_of=behalf,
        acting_for_requester=acting_for(
            connection, case.requester_id, case.received_at, at or _END_OF_TIME
        ),
    )


def stale_refusal(
    connection: Connection, case: Row[Any], attempt: DecisionAttempt
) -> Refusal | None:
    """Why an attempt made on an earlier view of the case does not count; None if nothing moved since."""
    seen = attempt.revision
    if seen is None or seen == revision_of(connection, case.order_id):
        return None
    return Refusal(
        code=RefusalCode.STALE_VIEW,
        sentence="The case has moved since you looked at it; look again, then decide.",
    )


def least_granted(connection: Connection, cancellation_id: str) -> int | None:
    """The lowest amount anybody agreed to, which is what all of them agreed to."""
    granted: int | None = connection.execute(
        select(func.min(approvals.c.amount_minor)).where(
            approvals.c.cancellation_id == cancellation_id, _counts()
        )
    ).scalar_one()
    return granted


def persons_of(connection: Connection, decision: Row[Any]) -> frozenset[str]:
    """Everybody who agreed to an approval: whoever gave it, and where several did, all of them."""
    agreed = connection.execute(
        select(approvals.c.approved_by).where(
            approvals.c.cancellation_id == decision.cancellation_id,
            approvals.c.round == decision.round,
        )
    ).scalars()
    return frozenset({decision.decided_by, *agreed})


def _counts() -> ColumnElement[bool]:
    """Whether an approval counts: the verdict it led to, if any, was not taken back."""
    taken_back = (undos.c.cancellation_id == approvals.c.cancellation_id) & (
        undos.c.round == approvals.c.round
    )
    return ~exists().where(taken_back)


def was_given(connection: Connection, approval_id: str) -> bool:
    """Whether an attempt has been noted as one of several approvals."""
    found = connection.execute(select(approvals.c.id).where(approvals.c.id == approval_id))
    return found.one_or_none() is not None


def record_approval(
    database: Database, step: Step, attempt: DecisionAttempt, round_number: int = 1
) -> ApprovalRecord:
    """Note that one more person agrees, and ask the others while some are missing.

    Whoever agreed already does not count twice; a role lost since the click refuses. An approval that is taken
    back takes all of its round with it.
    """

    def work(effect: Effect) -> ApprovalRecord:
        connection = effect.connection
        case = case_book.load_case(connection, step.subject_id)
        given = _given(connection, [case.id])[case.id]
        refusal = (
            authority_refusal(connection, case, attempt, step.at)
            or twice_refusal(given, attempt.actor_id, attempt.on_behalf_of)
            or stale_refusal(connection, case, attempt)
        )
        if refusal is not None:
            return ApprovalRecord(
                recorded=False, refusal_code=refusal.code, refusal=refusal.sentence
            )
        if case.status != CancellationStatus.PENDING_APPROVAL:
            # A late attempt of a frozen worker: the case was settled meanwhile, nobody is asked.
            return ApprovalRecord(recorded=False, refusal_code="not_waiting", refusal=_SETTLED)
        effect.belongs_to(case.partner_id, case.customer_id)
        return _note(effect, case, attempt, given, round_number)

    return perform(database, step, f"record_approval:{attempt.id}", ApprovalRecord, work)


_SETTLED = "The case does not wait for a decision any more."


def twice_refusal(
    given: Iterable[Row[Any] | Approval], actor_id: str, on_behalf_of: str | None = None
) -> Refusal | None:
    """Why one who agreed already, or for whom somebody did, does not count again; None if they have not."""
    word = {actor_id, on_behalf_of} - {None}
    if all(word.isdisjoint({one.approved_by, one.on_behalf_of}) for one in given):
        return None
    return Refusal(
        code=RefusalCode.ALREADY_APPROVED,
        sentence="You approved this case already; it takes another person.",
    )


def in_round(round_number: int) -> dict[str, int | None]:
    """What a row says of its round: its number, and the one whose approval was taken back before it."""
    return {
        "round": round_number,
        "previous_round": None if round_number == 1 else round_number - 1,
    }


def _note(
    effect: Effect,
    case: Row[Any],
    attempt: DecisionAttempt,
    given: Sequence[Row[Any]],
    round_number: int,
) -> ApprovalRecord:
    rule, number = rule_of(case), len(given) + 1
    amount = case.requested_minor if attempt.amount_minor is None else attempt.amount_minor
    effect.connection.execute(
        insert(approvals).values(
            id=attempt.id,
            cancellation_id=case.id,
            requester_id=case.requester_id,
            number=number,
            stage=rule.stage_of(number),
            approved_by=attempt.actor_id,
            on_behalf_of=attempt.on_behalf_of,
            amount_minor=amount,
            approved_at=effect.at,
            **in_round(round_number),
        )
    )
    note_response(effect.connection, case.ticket_id, attempt.actor_id, effect.at)
    missing = max(rule.approvals_needed - number, 0)
    if missing:
        _ask_others(effect, case, {*(row.approved_by for row in given), attempt.actor_id})
    effect.audit(
        attempt.actor_id, "cancellation.agreed", case.id, amount_minor=amount, missing=missing
    )
    told = f"Approval {number} of {rule.approvals_needed} was given."
    return effect.conclude(
        attempt.actor_id,
        told,
        ApprovalRecord(recorded=True, missing=missing),
        cancellation_id=case.id,
    )


def _ask_others(effect: Effect, case: Row[Any], agreed: set[str]) -> None:
    """Those who may still agree: neither who did, nor the requester."""
    approvers = set(people.approvers_for(effect.connection, case.partner_id))
    others = sorted(approvers - agreed - {case.requester_id})
    effect.tell(NoticeKind.APPROVAL_NEEDED, others, **case_book.facts(case))


def approvals_of(
    connection: Connection, cancellation_ids: Iterable[str]
) -> dict[str, tuple[Approval, ...]]:
    """The approvals of each case in their order; a case without any is not in the answer."""
    given = _given(connection, cancellation_ids)
    return {case_id: tuple(map(_approval, rows)) for case_id, rows in given.items()}


def _given(connection: Connection, cancellation_ids: Iterable[str]) -> dict[str, list[Row[Any]]]:
    found = connection.execute(
        select(approvals, case_book.cancellations.c.currency)
        .join(case_book.cancellations, case_book.cancellations.c.id == approvals.c.cancellation_id)
        .where(approvals.c.cancellation_id.in_(list(cancellation_ids)), _counts())
        .order_by(approvals.c.number)
    )
    grouped: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in found:
        grouped[row.cancellation_id].append(row)
    return grouped


def _approval(row: Row[Any]) -> Approval:
    return Approval(
        id=row.id,
        cancellation_id=row.cancellation_id,
        number=row.number,
        stage=row.stage,
        approved_by=row.approved_by,
        on_behalf_of=row.on_behalf_of,
        amount=Money(amount_minor=row.amount_minor, currency=row.currency),
        approved_at=row.approved_at,
    )

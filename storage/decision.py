"""Decisions in the book: every attempt, and the one verdict that settles a case."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from models.cancellation import CancellationStatus
from models.decision import DecisionAttempt, DecisionRecord, Verdict
from models.errors import Invalid
from models.ids import POLICY_USER, SYSTEM_USER
from models.invitation import InvitationUse
from models.notice import NoticeKind
from models.outgoing import CancellationDecided
from models.policy import CancellationPolicy
from models.principal import Role
from models.step import Step
from models.tables.column import table
from models.tables.decision import DecisionAttemptRow
from storage import approval
from storage import case as case_book
from storage import ticket as ticket_book
from storage.effect import Effect, perform
from storage.engine import Database
from storage.first_response import note_response
from storage.invitation import use_invitation

attempts = table(DecisionAttemptRow)
decisions = case_book.decisions

_STATUS = {
    Verdict.APPROVED: CancellationStatus.APPROVED,
    Verdict.DECLINED: CancellationStatus.DECLINED,
    Verdict.WITHDRAWN: CancellationStatus.WITHDRAWN,
    Verdict.EXPIRED: CancellationStatus.EXPIRED,
}
_NOTICE = {
    Verdict.DECLINED: NoticeKind.CANCELLATION_DECLINED,
    Verdict.WITHDRAWN: NoticeKind.CANCELLATION_WITHDRAWN,
    Verdict.EXPIRED: NoticeKind.CANCELLATION_EXPIRED,
}
_SENTENCE = {
    Verdict.APPROVED: "The cancellation was approved.",
    Verdict.DECLINED: "The cancellation was declined.",
    Verdict.WITHDRAWN: "The cancellation was withdrawn.",
    Verdict.EXPIRED: "Nobody decided in time; the case expired.",
}


def note_attempt(
    database: Database,
    attempt: DecisionAttempt,
    note: str | None,
    attempted_at: datetime,
    use: InvitationUse | None = None,
) -> None:
    """Remember who tried what, with the note's text, before the workflow is asked; a repeat adds nothing.

    Whoever came by an invitation spends it here, in the same transaction.
    """
    with database.transaction() as connection:
        connection.execute(
            upsert(attempts)
            .values(
                id=attempt.id,
                cancellation_id=attempt.cancellation_id,
                actor_id=attempt.actor_id,
                verdict=attempt.verdict,
                amount_minor=attempt.amount_minor,
                note=note,
                reason_code=attempt.reason_code,
                on_behalf_of=attempt.on_behalf_of,
                attempted_at=attempted_at,
            )
            .on_conflict_do_nothing()
        )
        if use is not None:
            use_invitation(connection, use, attempt.id, attempted_at)


def record_decision(
    database: Database, step: Step, attempt: DecisionAttempt, round_number: int = 1
) -> DecisionRecord:
    """Settle the case with this attempt, unless a rule forbids it; a later attempt is told who was first.

    Each round, one more than the approvals that were taken back, has its own first. Authority is read here
    again, in the transaction that commits: a role lost since the click counts.
    """

    def work(effect: Effect) -> DecisionRecord:
        connection = effect.connection
        case = case_book.load_case(connection, step.subject_id)
        refusal = _refusal(connection, case, attempt, step.at)
        if refusal is not None:
            return refusal
        effect.belongs_to(case.partner_id, case.customer_id)
        amount = _amount(connection, case, attempt)
        undo_until = _undo_until(case, attempt, step.at)
        _insert(connection, case, attempt, amount, step.at, undo_until, round_number)
        case_book.set_status(connection, step, _STATUS[attempt.verdict])
        if _is_by_approver(attempt):
            note_response(connection, case.ticket_id, attempt.actor_id, step.at)
        if attempt.verdict is not Verdict.APPROVED:
            ticket_book.close(connection, case.ticket_id, step.at)
            note_given = _note(connection, attempt.id) is not None
            effect.tell(
                _NOTICE[attempt.verdict],
                [case.requester_id],
                **case_book.facts(case),
                note_given=note_given,
                **_reason(case, attempt),
            )
        effect.publish(
            CancellationDecided(
                cancellation_id=case.id,
                order_id=case.order_id,
                quantity=case.quantity,
                verdict=attempt.verdict,
                reason_code=attempt.reason_code,
                decided_by=attempt.actor_id if attempt.on_behalf_of else None,
                on_behalf_of=attempt.on_behalf_of,
            )
        )
        effect.audit(
            attempt.actor_id,
            f"cancellation.{attempt.verdict}",
            case.id,
            amount_minor=amount,
            reason_code=attempt.reason_code,
        )
        return effect.conclude(
            attempt.actor_id,
            _sentence(attempt),
            DecisionRecord(
                recorded=True,
                decision_id=attempt.id,
                verdict=attempt.verdict,
                decided_by=attempt.actor_id,
                amount_minor=amount,
                undo_until=undo_until,
            ),
            cancellation_id=case.id,
        )

    name = "record_decision" if round_number == 1 else f"record_decision:{round_number}"
    return perform(database, step, name, DecisionRecord, work)


def _sentence(attempt: DecisionAttempt) -> str:
    """What the timeline says; who decided for another one is named with them."""
    said = _SENTENCE[attempt.verdict]
    if attempt.on_behalf_of is None:
        return said
    return f"{said.removesuffix('.')} by {attempt.actor_id} for {attempt.on_behalf_of}."


def _undo_until(case: Row[Any], attempt: DecisionAttempt, at: datetime) -> datetime | None:
    """Until when a person's approval can be taken back, by the policy frozen on the line."""
    policy = CancellationPolicy.model_validate(case.policy)
    if attempt.verdict is not Verdict.APPROVED or attempt.actor_id == POLICY_USER:
        return None
    return at + policy.approval.undo_for if policy.approval.undo_for else None


def decline_reason(database: Database, cancellation_id: str, reason_code: str | None) -> str:
    """The code to record with a decline; Invalid unless the policy frozen on the line lists it."""
    with database.reading() as connection:
        case = case_book.load_case(connection, cancellation_id)
    policy = CancellationPolicy.model_validate(case.policy)
    reason = policy.decline_reason(reason_code)
    if reason is not None:
        return reason.code
    offered = [listed.code for listed in policy.decline_reasons]
    raise Invalid(
        "decline_reason_not_offered",
        f"A decline gives one of the reasons of the line's policy: {', '.join(offered)}.",
        offered=offered,
    )


def _reason(case: Row[Any], attempt: DecisionAttempt) -> dict[str, dict[str, str]]:
    """What the notice says about why, in both languages; nothing unless the case was declined for a reason."""
    if attempt.reason_code is None:
        return {}
    policy = CancellationPolicy.model_validate(case.policy)
    reason = policy.decline_reason(attempt.reason_code)
    return {} if reason is None else {"reason": {"en": reason.en, "cs": reason.cs}}


def _is_by_approver(attempt: DecisionAttempt) -> bool:
    return (
        attempt.verdict in (Verdict.APPROVED, Verdict.DECLINED) and attempt.actor_id != POLICY_USER
    )


def _amount(connection: Connection, case: Row[Any], attempt: DecisionAttempt) -> int | None:
    """What is given back; where several people agreed, what all of them did."""
    if attempt.verdict is not Verdict.APPROVED:
        return None
    granted: int = case.requested_minor if attempt.amount_minor is None else attempt.amount_minor
    if approval.rule_of(case).approvals_needed > 1:
        granted = min(granted, approval.least_granted(connection, case.id) or granted)
    return granted


def _refusal(
    connection: Connection, case: Row[Any], attempt: DecisionAttempt, at: datetime
) -> DecisionRecord | None:
    if attempt.verdict is Verdict.EXPIRED:
        return (
            None if attempt.actor_id == SYSTEM_USER else _refused("forbidden", "Only time expires.")
        )
    if attempt.verdict is Verdict.WITHDRAWN:
        return _withdrawal_refusal(connection, case, attempt)
    refusal = approval.authority_refusal(connection, case, attempt, at)
    if refusal is None and not approval.was_given(connection, attempt.id):
        # The last of several approvals was compared when it was noted, and has itself moved the case.
        refusal = approval.stale_refusal(connection, case, attempt)
    return None if refusal is None else _refused(refusal.code, refusal.sentence)


def _withdrawal_refusal(
    connection: Connection, case: Row[Any], attempt: DecisionAttempt
) -> DecisionRecord | None:
    if attempt.actor_id == case.requester_id:
        return None
    if Role.ADMIN_AGENT in approval.roles_over(connection, case, attempt.actor_id):
        return None
    return _refused("forbidden", "Only an admin agent of the requesting partner may withdraw.")


def _refused(code: str, sentence: str) -> DecisionRecord:
    return DecisionRecord(recorded=False, refusal_code=code, refusal=sentence)


def _note(connection: Connection, attempt_id: str) -> str | None:
    note: str | None = connection.execute(
        select(attempts.c.note).where(attempts.c.id == attempt_id)
    ).scalar_one_or_none()
    return note


def _insert(
    connection: Connection,
    case: Row[Any],
    attempt: DecisionAttempt,
    amount: int | None,
    at: datetime,
    undo_until: datetime | None,
    round_number: int,
) -> None:
    connection.execute(
        insert(decisions).values(
            id=attempt.id,
            cancellation_id=case.id,
            requester_id=case.requester_id,
            decided_by=attempt.actor_id,
            verdict=attempt.verdict,
            amount_minor=amount,
            note=select(attempts.c.note).where(attempts.c.id == attempt.id).scalar_subquery(),
            reason_code=attempt.reason_code,
            on_behalf_of=attempt.on_behalf_of,
            decided_at=at,
            automatic=attempt.actor_id in (POLICY_USER, SYSTEM_USER),
            undo_until=undo_until,
            **approval.in_round(round_number),
        )
    )

"""Undos in the book: an approval taken back in time, after which its case waits for a decision again."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select

from models.cancellation import CancellationStatus
from models.notice import NoticeKind
from models.outgoing import CancellationUndone
from models.step import Step
from models.undo import Undo, UndoAttempt, UndoRecord
from rules.undo import UndoRefusal, UndoRefusalCode, may_undo
from storage import case as case_book
from storage import principal as people
from storage.approval import persons_of
from storage.case import undos
from storage.effect import Effect, perform
from storage.engine import Database

decisions = case_book.decisions


def record_undo(database: Database, step: Step, attempt: UndoAttempt) -> UndoRecord:
    """Take the standing approval back, unless it is too late or not the actor's; the next verdict is a new one."""

    def work(effect: Effect) -> UndoRecord:
        connection = effect.connection
        case = case_book.load_case(connection, step.subject_id)
        approval = _approval(connection, case, attempt)
        refusal = _refusal(connection, effect, approval, attempt)
        if refusal is not None:
            return UndoRecord(recorded=False, refusal_code=refusal.code, refusal=refusal.sentence)
        assert approval is not None
        effect.belongs_to(case.partner_id, case.customer_id)
        _insert(effect, approval, attempt)
        case_book.set_status(connection, step, CancellationStatus.PENDING_APPROVAL)
        approvers = set(people.approvers_for(connection, case.partner_id)) - {case.requester_id}
        effect.tell(NoticeKind.APPROVAL_UNDONE, sorted(approvers), **case_book.facts(case))
        effect.publish(
            CancellationUndone(
                cancellation_id=case.id, order_id=case.order_id, decision_id=approval.id
            )
        )
        effect.audit(
            attempt.actor_id, "cancellation.undone", case.id, decision_id=attempt.decision_id
        )
        return effect.conclude(
            attempt.actor_id,
            "The approval was taken back; the case waits for a decision again.",
            UndoRecord(recorded=True),
            cancellation_id=case.id,
        )

    return perform(database, step, f"record_undo:{attempt.id}", UndoRecord, work)


def find_undo(connection: Connection, decision_id: str) -> Undo | None:
    """How a decision was taken back, if it was."""
    row = connection.execute(select(undos).where(undos.c.decision_id == decision_id)).one_or_none()
    if row is None:
        return None
    return Undo(id=row.id, undone_by=row.undone_by, undone_at=row.undone_at)


def _approval(connection: Connection, case: Row[Any], attempt: UndoAttempt) -> Row[Any] | None:
    """The approval that the attempt names, if it is the one that stands."""
    if case.status != CancellationStatus.APPROVED or case.decision_id != attempt.decision_id:
        return None
    return connection.execute(select(decisions).where(decisions.c.id == case.decision_id)).one()


def _refusal(
    connection: Connection, effect: Effect, approval: Row[Any] | None, attempt: UndoAttempt
) -> UndoRefusal | None:
    if approval is None:
        # A late attempt of a frozen worker: the case went on meanwhile.
        return UndoRefusal(
            code=UndoRefusalCode.UNDO_CLOSED, sentence="This approval does not stand any more."
        )
    agreed = persons_of(connection, approval)
    return may_undo(attempt.actor_id, agreed, approval.undo_until, effect.at)


def _insert(effect: Effect, approval: Row[Any], attempt: UndoAttempt) -> None:
    effect.connection.execute(
        insert(undos).values(
            id=attempt.id,
            decision_id=approval.id,
            cancellation_id=approval.cancellation_id,
            round=approval.round,
            verdict=approval.verdict,
            undo_until=approval.undo_until,
            undone_by=attempt.actor_id,
            undone_at=effect.at,
        )
    )

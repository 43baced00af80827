"""Settling a replacement: every attempt, and the one verdict of somebody else, by the roles held now."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects.postgresql import insert as upsert

from models.decision import Verdict
from models.ids import SYSTEM_USER, effect_key
from models.notice import NoticeKind
from models.product_key import KeyState
from models.replacement import ReplacementAttempt, ReplacementStatus, Settled
from models.step import Step
from models.tables.column import table
from models.tables.record import EffectRow
from models.tables.replacement import ReplacementAttemptRow
from rules.approval import may_replace
from storage import principal as people
from storage.delegation import acting_for
from storage.effect import Effect, perform
from storage.engine import Database
from storage.replacement import begin, facts, move, set_values

attempts = table(ReplacementAttemptRow)
_effects = table(EffectRow)

_STATUS = {
    Verdict.APPROVED: ReplacementStatus.APPROVED,
    Verdict.DECLINED: ReplacementStatus.DECLINED,
    Verdict.WITHDRAWN: ReplacementStatus.WITHDRAWN,
    Verdict.EXPIRED: ReplacementStatus.EXPIRED,
}
_SENTENCE = {
    Verdict.APPROVED: "The replacement of the product key was approved.",
    Verdict.DECLINED: "The replacement was declined.",
    Verdict.WITHDRAWN: "The replacement was withdrawn.",
    Verdict.EXPIRED: "Nobody decided on the replacement in time.",
}


def note_attempt(
    database: Database,
    replacement_id: str,
    attempt: ReplacementAttempt,
    note: str | None,
    attempted_at: datetime,
) -> None:
    """Remember who tried what, with the note's text, before the workflow is asked; a repeat adds nothing."""
    with database.transaction() as connection:
        connection.execute(
            upsert(attempts)
            .values(
                id=attempt.id,
                replacement_id=replacement_id,
                actor_id=attempt.actor_id,
                verdict=attempt.verdict,
                note=note,
                attempted_at=attempted_at,
            )
            .on_conflict_do_nothing()
        )


def settle_replacement(database: Database, step: Step, attempt: ReplacementAttempt) -> Settled:
    """One verdict, first wins; authority is read again here. Without an approval the key works again."""

    def work(effect: Effect) -> Settled:
        found = begin(effect, step)
        refusal = _refusal(effect.connection, found, attempt, step.at)
        if refusal is not None:
            return refusal
        status = _STATUS[attempt.verdict]
        note = select(attempts.c.note).where(attempts.c.id == attempt.id).scalar_subquery()
        set_values(
            effect, step, status=status, decided_by=attempt.actor_id, decided_at=step.at, note=note
        )
        if attempt.verdict is not Verdict.APPROVED:
            move(effect, found.old_key_id, KeyState.SUSPENDED, KeyState.ALLOCATED, str(status))
            told = facts(effect, found) | {"outcome": str(status)}
            effect.tell(NoticeKind.REPLACEMENT_ENDED, [found.requester_id], **told)
        effect.audit(attempt.actor_id, f"replacement.{status}", found.id)
        return effect.conclude(
            attempt.actor_id,
            _SENTENCE[attempt.verdict],
            Settled(attempt_id=attempt.id, verdict=attempt.verdict, decided_by=attempt.actor_id),
        )

    return perform(database, step, "settle_replacement", Settled, work)


def is_settled_by(connection: Connection, replacement_id: str, attempt_id: str) -> bool:
    """Whether it was this very attempt that settled the replacement."""
    key = effect_key(replacement_id, "settle_replacement")
    stored = connection.execute(select(_effects.c.result).where(_effects.c.key == key))
    settled = stored.scalar_one_or_none()
    return settled is not None and Settled.model_validate(settled).attempt_id == attempt_id


def _refusal(
    connection: Connection, found: Row[Any], attempt: ReplacementAttempt, at: datetime
) -> Settled | None:
    if attempt.verdict is Verdict.EXPIRED:
        return (
            None if attempt.actor_id == SYSTEM_USER else _refused("forbidden", "Only time expires.")
        )
    principal = people.principal_of(connection, attempt.actor_id)
    if principal is None or not principal.covers(found.partner_id, found.customer_id):
        return _refused("not_an_approver", "This is not yours to decide.")
    if attempt.verdict is Verdict.WITHDRAWN:
        own = attempt.actor_id == found.requester_id
        return None if own else _refused("forbidden", "Only the requester may withdraw.")
    refusal = may_replace(
        principal.roles,
        requester_id=found.requester_id,
        actor_id=attempt.actor_id,
        acting_for_requester=acting_for(connection, found.requester_id, found.requested_at, at),
    )
    return None if refusal is None else _refused(refusal.code, refusal.sentence)


def _refused(code: str, sentence: str) -> Settled:
    return Settled(refusal_code=code, refusal=sentence)

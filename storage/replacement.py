"""Replacements in the book: requested, the leaked key suspended, settled by somebody else, the new key issued."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from models.decision import Verdict
from models.errors import Refused
from models.event import OutgoingType
from models.ids import SYSTEM_USER, effect_key
from models.notice import NoticeKind
from models.principal import Principal
from models.product_key import KeyActRequest, KeyState
from models.replacement import (
    Issue,
    ReplacementAttempt,
    ReplacementStatus,
    Settled,
)
from models.step import Done, Step
from models.tables.column import table
from models.tables.record import EffectRow
from rules.approval import may_replace
from storage import order as order_book
from storage import principal as people
from storage.effect import Effect, perform
from storage.engine import Database
from storage.open_case import item_of, replacements, require_no_case
from storage.pool import Binder, hold, keys, take
from storage.product_key import choose_key
from storage.stock import raise_alerts

_effects = table(EffectRow)

_REASON = "replacement requested"
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


def request_replacement(
    database: Database,
    request: KeyActRequest,
    software_id: str,
    replacement_id: str,
    order_id: str,
    requester: Principal,
    at: datetime,
) -> Done:
    """Write the request to replace one key of an active item; Refused while another case of the line is open."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        item = item_of(connection, software_id)
        effect.belongs_to(item.partner_id, item.customer_id)
        require_no_case(connection, item)
        key = choose_key(connection, item.line_id, request)
        _require_movable(key)
        connection.execute(
            insert(replacements).values(
                id=replacement_id,
                line_id=item.line_id,
                order_id=item.order_id,
                partner_id=item.partner_id,
                customer_id=item.customer_id,
                old_key_id=key.id,
                reason=request.reason,
                requester_id=requester.user_id,
                requested_at=at,
                status=ReplacementStatus.REQUESTED,
                status_at=at,
            )
        )
        effect.audit(requester.user_id, "replacement.requested", replacement_id, key_id=key.id)
        sentence = f"A replacement of the product key of unit {key.unit_number} was requested."
        return effect.conclude(requester.user_id, sentence, Done())

    step = Step(subject_id=replacement_id, order_id=order_id, at=at)
    return perform(database, step, "request_replacement", Done, work)


def _require_movable(key: Row[Any]) -> None:
    """Refused for a key that is dead already."""
    if key.state not in (KeyState.ALLOCATED, KeyState.SUSPENDED):
        raise Refused("key_not_live", f"This product key is {key.state}.", state=key.state)


def load(connection: Connection, replacement_id: str) -> Row[Any]:
    """The replacement with its key's unit and SKU, and its item; the row that steps look at."""
    software = order_book.software
    return connection.execute(
        select(
            replacements,
            keys.c.unit_number,
            keys.c.sku,
            keys.c.last5,
            software.c.id.label("software_id"),
            order_book.products.c.title.label("product_title"),
        )
        .join(keys, keys.c.id == replacements.c.old_key_id)
        .join(software, software.c.line_id == replacements.c.line_id)
        .join(order_book.products, order_book.products.c.sku == keys.c.sku)
        .where(replacements.c.id == replacement_id)
    ).one()


def suspend_leaked_key(database: Database, step: Step) -> Done:
    """Stop the key while people decide, and ask the approvers."""

    def work(effect: Effect) -> Done:
        found = _begin(effect, step)
        _move(effect, found.old_key_id, KeyState.ALLOCATED, KeyState.SUSPENDED, _REASON)
        _set(effect, step, status=ReplacementStatus.PENDING_APPROVAL)
        approvers = people.approvers_for(effect.connection, found.partner_id)
        effect.tell(NoticeKind.REPLACEMENT_NEEDED, approvers, **_facts(effect, found))
        effect.audit(SYSTEM_USER, "key.suspended", found.old_key_id, replacement_id=found.id)
        sentence = f"The product key of unit {found.unit_number} was suspended."
        return effect.conclude(SYSTEM_USER, sentence, Done())

    return perform(database, step, "suspend_leaked_key", Done, work)


def settle_replacement(database: Database, step: Step, attempt: ReplacementAttempt) -> Settled:
    """One verdict, first wins; authority is read again here. Without an approval the key works again."""

    def work(effect: Effect) -> Settled:
        found = _begin(effect, step)
        refusal = _refusal(effect.connection, found, attempt)
        if refusal is not None:
            return refusal
        status = _STATUS[attempt.verdict]
        _set(effect, step, status=status, decided_by=attempt.actor_id, decided_at=step.at)
        if attempt.verdict is not Verdict.APPROVED:
            _move(effect, found.old_key_id, KeyState.SUSPENDED, KeyState.ALLOCATED, str(status))
            facts = _facts(effect, found) | {"outcome": str(status)}
            effect.tell(NoticeKind.REPLACEMENT_ENDED, [found.requester_id], **facts)
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


def issue_key(database: Database, step: Step, binder: Binder, low_stock: int = 0) -> Issue:
    """Revoke the leaked key for good and give its unit another from the pool, both or neither."""

    def work(effect: Effect) -> Issue:
        connection = effect.connection
        found = _begin(effect, step)
        free = take(connection, found.sku, 1, binder)
        if not free:
            return Issue(issued=False, missing_sku=found.sku)
        new = free[0]
        connection.execute(
            update(keys)
            .where(keys.c.id == found.old_key_id)
            .values(
                state=KeyState.REVOKED,
                state_at=step.at,
                state_by=SYSTEM_USER,
                state_reason="replaced",
            )
        )
        line = connection.execute(
            select(order_book.lines).where(order_book.lines.c.id == found.line_id)
        ).one()
        hold(connection, new, line, found.unit_number, binder, step.at, "replacement")
        _set(effect, step, status=ReplacementStatus.COMPLETED, new_key_id=new.id)
        _tell_replaced(effect, found, new.id)
        raise_alerts(effect, [found.sku], low_stock)
        sentence = f"The product key of unit {found.unit_number} was replaced."
        return effect.conclude(SYSTEM_USER, sentence, Issue(issued=True))

    return perform(database, step, "issue_key", Issue, work)


def _tell_replaced(effect: Effect, found: Row[Any], new_key_id: str) -> None:
    about = {"order_id": found.order_id, "software_id": found.software_id}
    effect.publish(
        OutgoingType.KEY_REVOKED, **about, key_ids=[found.old_key_id], replacement_id=found.id
    )
    effect.publish(
        OutgoingType.KEY_REPLACED,
        **about,
        replacement_id=found.id,
        old_key_id=found.old_key_id,
        new_key_id=new_key_id,
    )
    readers = {found.requester_id, *people.admin_agents_of(effect.connection, found.partner_id)}
    effect.tell(NoticeKind.REPLACEMENT_COMPLETED, sorted(readers), **_facts(effect, found))
    effect.audit(SYSTEM_USER, "key.revoked", found.line_id, keys=1, replacement_id=found.id)
    effect.audit(SYSTEM_USER, "key.replaced", found.old_key_id, new_key_id=new_key_id)


def _begin(effect: Effect, step: Step) -> Row[Any]:
    found = load(effect.connection, step.subject_id)
    effect.belongs_to(found.partner_id, found.customer_id)
    return found


def _facts(effect: Effect, found: Row[Any]) -> dict[str, Any]:
    """What every notice about a replacement may say; of the key its last five characters."""
    order = order_book.load(effect.connection, found.order_id)
    return order_book.facts(order) | {
        "product": found.product_title,
        "unit_number": found.unit_number,
        "key_end": found.last5,
        "replacement_id": found.id,
    }


def _set(effect: Effect, step: Step, **values: Any) -> None:
    """Move the replacement on; the database refuses an illegal move."""
    effect.connection.execute(
        update(replacements)
        .where(replacements.c.id == step.subject_id)
        .values(**values, status_at=step.at)
    )


def _move(effect: Effect, key_id: str, old: KeyState, new: KeyState, reason: str) -> None:
    """What an operator had suspended before stays so: it is neither stopped twice nor let loose."""
    movable = keys.c.state == old
    if new is KeyState.ALLOCATED:
        movable &= keys.c.state_reason == _REASON
    effect.connection.execute(
        update(keys)
        .where(keys.c.id == key_id, movable)
        .values(state=new, state_at=effect.at, state_by=SYSTEM_USER, state_reason=reason)
    )


def _refusal(
    connection: Connection, found: Row[Any], attempt: ReplacementAttempt
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
        principal.roles, requester_id=found.requester_id, actor_id=attempt.actor_id
    )
    return None if refusal is None else _refused(refusal.code, refusal.sentence)


def _refused(code: str, sentence: str) -> Settled:
    return Settled(refusal_code=code, refusal=sentence)

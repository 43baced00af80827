"""Replacements in the book: requested, the leaked key suspended, people reminded, the new key issued."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from models.errors import Refused
from models.ids import SYSTEM_USER
from models.notice import NoticeKind
from models.outgoing import KeyReplaced, KeyRevoked
from models.principal import Principal
from models.product_key import KeyActRequest, KeyState
from models.replacement import (
    Issue,
    ReminderStep,
    ReplacementStatus,
)
from models.step import Done, Step
from storage import order as order_book
from storage import principal as people
from storage.effect import Effect, perform
from storage.engine import Database
from storage.open_case import item_of, replacements, require_no_case
from storage.pool import Binder, hold, keys, take
from storage.product_key import choose_key
from storage.stock import raise_alerts

_REASON = "replacement requested"


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
    """The replacement with its key's unit and SKU, and its item; and the frozen policy."""
    software = order_book.software
    return connection.execute(
        select(
            replacements,
            keys.c.unit_number,
            keys.c.sku,
            keys.c.last5,
            software.c.id.label("software_id"),
            order_book.products.c.title.label("product_title"),
            order_book.lines.c.policy,
        )
        .join(keys, keys.c.id == replacements.c.old_key_id)
        .join(order_book.lines, order_book.lines.c.id == replacements.c.line_id)
        .join(software, software.c.line_id == replacements.c.line_id)
        .join(order_book.products, order_book.products.c.sku == keys.c.sku)
        .where(replacements.c.id == replacement_id)
    ).one()


def suspend_leaked_key(database: Database, step: Step) -> Done:
    """Stop the key while people decide, and ask the approvers."""

    def work(effect: Effect) -> Done:
        found = begin(effect, step)
        move(effect, found.old_key_id, KeyState.ALLOCATED, KeyState.SUSPENDED, _REASON)
        set_values(effect, step, status=ReplacementStatus.PENDING_APPROVAL)
        approvers = people.approvers_for(effect.connection, found.partner_id)
        effect.tell(NoticeKind.REPLACEMENT_NEEDED, approvers, **facts(effect, found))
        effect.audit(SYSTEM_USER, "key.suspended", found.old_key_id, replacement_id=found.id)
        sentence = f"The product key of unit {found.unit_number} was suspended."
        return effect.conclude(SYSTEM_USER, sentence, Done())

    return perform(database, step, "suspend_leaked_key", Done, work)


def remind_replacement(database: Database, step: ReminderStep) -> Done:
    """Tell everybody who may decide once more, and the operators when it waits too long."""

    def work(effect: Effect) -> Done:
        found = begin(effect, step)
        if found.status != ReplacementStatus.PENDING_APPROVAL:
            return Done(done=False)
        readers = set(people.approvers_for(effect.connection, found.partner_id))
        if step.escalated:
            readers |= set(people.operators(effect.connection))
        readers.discard(found.requester_id)
        effect.tell(NoticeKind.REPLACEMENT_REMINDER, sorted(readers), **facts(effect, found))
        effect.audit(SYSTEM_USER, "replacement.reminded", found.id, escalated=step.escalated)
        sentence = f"The approvers were reminded of the leaked key of unit {found.unit_number}."
        return effect.conclude(SYSTEM_USER, sentence, Done())

    return perform(database, step, f"remind_replacement:{step.number}", Done, work)


def issue_key(database: Database, step: Step, binder: Binder, low_stock: int = 0) -> Issue:
    """Revoke the leaked key for good and give its unit another from the pool, both or neither."""

    def work(effect: Effect) -> Issue:
        connection = effect.connection
        found = begin(effect, step)
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
        set_values(effect, step, status=ReplacementStatus.COMPLETED, new_key_id=new.id)
        _tell_replaced(effect, found, new.id)
        raise_alerts(effect, [found.sku], low_stock)
        sentence = f"The product key of unit {found.unit_number} was replaced."
        return effect.conclude(SYSTEM_USER, sentence, Issue(issued=True))

    return perform(database, step, "issue_key", Issue, work)


def _tell_replaced(effect: Effect, found: Row[Any], new_key_id: str) -> None:
    about = {"order_id": found.order_id, "software_id": found.software_id}
    effect.publish(KeyRevoked(**about, key_ids=(found.old_key_id,), replacement_id=found.id))
    effect.publish(
        KeyReplaced(
            **about,
            replacement_id=found.id,
            old_key_id=found.old_key_id,
            new_key_id=new_key_id,
        )
    )
    readers = {found.requester_id, *people.admin_agents_of(effect.connection, found.partner_id)}
    effect.tell(NoticeKind.REPLACEMENT_COMPLETED, sorted(readers), **facts(effect, found))
    effect.audit(SYSTEM_USER, "key.revoked", found.line_id, keys=1, replacement_id=found.id)
    effect.audit(SYSTEM_USER, "key.replaced", found.old_key_id, new_key_id=new_key_id)


def begin(effect: Effect, step: Step) -> Row[Any]:
    found = load(effect.connection, step.subject_id)
    effect.belongs_to(found.partner_id, found.customer_id)
    return found


def facts(effect: Effect, found: Row[Any]) -> dict[str, Any]:
    """What every notice about a replacement may say; of the key its last five characters."""
    order = order_book.load(effect.connection, found.order_id)
    return order_book.facts(order) | {
        "product": found.product_title,
        "unit_number": found.unit_number,
        "key_end": found.last5,
        "replacement_id": found.id,
    }


def set_values(effect: Effect, step: Step, **values: Any) -> None:
    """Move the replacement on; the database refuses an illegal move."""
    effect.connection.execute(
        update(replacements)
        .where(replacements.c.id == step.subject_id)
        .values(**values, status_at=step.at)
    )


def move(effect: Effect, key_id: str, old: KeyState, new: KeyState, reason: str) -> None:
    """What an operator had suspended before stays so: it is neither stopped twice nor let loose."""
    movable = keys.c.state == old
    if new is KeyState.ALLOCATED:
        movable &= keys.c.state_reason == _REASON
    effect.connection.execute(
        update(keys)
        .where(keys.c.id == key_id, movable)
        .values(state=new, state_at=effect.at, state_by=SYSTEM_USER, state_reason=reason)
    )

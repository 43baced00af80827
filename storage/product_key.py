"""Product keys in the book: allocating from the pool, suspending, reinstating, revoking."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from models.cancellation import CancellationStatus
from models.catalogue import KeyMode
from models.event import OutgoingType
from models.ids import SYSTEM_USER
from models.order import Allocation, OrderStatus
from models.product_key import KeyState
from models.software import SoftwareStatus
from models.step import Done, Step
from models.tables.column import table
from models.tables.product_key import DownloadLinkRow, ProductKeyRow
from storage import order as order_book
from storage import ticket as ticket_book
from storage.case import load_case
from storage.effect import Effect, perform
from storage.engine import Database
from storage.stock import raise_alerts

keys = table(ProductKeyRow)
links = table(DownloadLinkRow)


def allocate_keys(database: Database, step: Step, low_stock: int = 0) -> Allocation:
    """Take keys from the pool for every line, or none at all and say which SKUs ran dry.

    `low_stock` is the threshold of SKUs that have none of their own.
    """

    def work(effect: Effect) -> Allocation:
        connection = effect.connection
        order = order_book.load(connection, step.order_id)
        if order.status != OrderStatus.CHARGED:
            # A late attempt of a frozen worker: the charge was reversed meanwhile, nobody gets keys.
            return Allocation(allocated=False)
        effect.belongs_to(order.partner_id, order.customer_id)
        wanted = _lines_to_serve(connection, step.order_id)
        needed = Counter[str]()
        for line in wanted:
            needed[line.sku] += _needs(line)
        taken = {sku: _take(connection, sku, count) for sku, count in sorted(needed.items())}
        missing = tuple(sku for sku, ids in taken.items() if len(ids) < needed[sku])
        if missing:
            # Nothing was written yet: the row locks on the keys end with this transaction.
            return Allocation(allocated=False, missing_skus=missing)
        for line in wanted:
            _hold(connection, line, [taken[line.sku].pop(0) for _ in range(_needs(line))], step.at)
        ticket_book.close_incident(connection, step.order_id, step.at)
        count = needed.total()
        effect.audit(SYSTEM_USER, "key.allocated", step.order_id, keys=count)
        raise_alerts(effect, needed, low_stock)
        return effect.conclude(
            SYSTEM_USER, f"{count} product key(s) were allocated.", Allocation(allocated=True)
        )

    return perform(database, step, "allocate_keys", Allocation, work)


def _lines_to_serve(connection: Connection, order_id: str) -> Sequence[Row[Any]]:
    return connection.execute(
        select(order_book.lines, order_book.products.c.key_mode)
        .join(order_book.products, order_book.products.c.sku == order_book.lines.c.sku)
        .where(order_book.lines.c.order_id == order_id)
        .order_by(order_book.lines.c.line_number)
    ).all()


def _needs(line: Row[Any]) -> int:
    return line.quantity if line.key_mode == KeyMode.PER_UNIT else 1


def _take(connection: Connection, sku: str, count: int) -> list[str]:
    # SKUs are taken in sorted order, so two orders never wait for each other crosswise.
    free = (
        select(keys.c.id)
        .where(keys.c.sku == sku, keys.c.state == KeyState.AVAILABLE)
        .order_by(keys.c.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    return list(connection.execute(free).scalars())


def _hold(connection: Connection, line: Row[Any], key_ids: list[str], at: datetime) -> None:
    for unit_number, key_id in enumerate(key_ids, start=1):
        connection.execute(
            update(keys)
            .where(keys.c.id == key_id)
            .values(
                state=KeyState.ALLOCATED,
                state_at=at,
                state_by=SYSTEM_USER,
                state_reason="purchase",
                line_id=line.id,
                order_id=line.order_id,
                partner_id=line.partner_id,
                customer_id=line.customer_id,
                unit_number=unit_number,
            )
        )


def suspend_key(database: Database, step: Step) -> Done:
    """Stop the line's keys before any money moves; reversible, so a crash can only leave the safe side."""

    def work(effect: Effect) -> Done:
        case = load_case(effect.connection, step.subject_id)
        if case.status != CancellationStatus.APPROVED:
            # A late attempt of a frozen worker: the case was compensated meanwhile, the key works.
            return Done(done=False)
        effect.belongs_to(case.partner_id, case.customer_id)
        _move(effect.connection, case.line_id, KeyState.SUSPENDED, step.at, "cancellation approved")
        _set_software(effect.connection, case.line_id, SoftwareStatus.SUSPENDED, step.at)
        effect.audit(SYSTEM_USER, "key.suspended", case.line_id)
        return effect.conclude(
            SYSTEM_USER, "The product key was suspended.", Done(), cancellation_id=case.id
        )

    return perform(database, step, "suspend_key", Done, work)


def reinstate_key(database: Database, step: Step) -> Done:
    """Let suspended keys work again: the undo of `suspend_key`, before a credit is booked."""

    def work(effect: Effect) -> Done:
        case = load_case(effect.connection, step.subject_id)
        effect.belongs_to(case.partner_id, case.customer_id)
        suspended = _move(
            effect.connection, case.line_id, KeyState.ALLOCATED, step.at, "cancellation compensated"
        )
        if suspended:
            _set_software(effect.connection, case.line_id, SoftwareStatus.ACTIVE, step.at)
        effect.audit(SYSTEM_USER, "key.reinstated", case.line_id)
        return effect.conclude(
            SYSTEM_USER, "The product key works again.", Done(), cancellation_id=case.id
        )

    return perform(database, step, "reinstate_key", Done, work)


def revoke_key(database: Database, step: Step) -> Done:
    """End the line's keys for good, and every download link with them; the item stays listed."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        case = load_case(connection, step.subject_id)
        effect.belongs_to(case.partner_id, case.customer_id)
        revoked = _move(connection, case.line_id, KeyState.REVOKED, step.at, "cancellation")
        _set_software(connection, case.line_id, SoftwareStatus.CANCELLED, step.at)
        connection.execute(
            update(links)
            .where(links.c.line_id == case.line_id, links.c.revoked_at.is_(None))
            .values(revoked_at=step.at)
        )
        effect.publish(
            OutgoingType.KEY_REVOKED,
            order_id=case.order_id,
            software_id=case.software_id,
            key_ids=revoked,
            cancellation_id=case.id,
        )
        effect.audit(SYSTEM_USER, "key.revoked", case.line_id, keys=len(revoked))
        return effect.conclude(
            SYSTEM_USER,
            "The product key and its links were revoked.",
            Done(),
            cancellation_id=case.id,
        )

    return perform(database, step, "revoke_key", Done, work)


_FROM = {
    KeyState.SUSPENDED: [KeyState.ALLOCATED],
    KeyState.ALLOCATED: [KeyState.SUSPENDED],
    KeyState.REVOKED: [KeyState.ALLOCATED, KeyState.SUSPENDED],
}


def _move(
    connection: Connection, line_id: str, state: KeyState, at: datetime, reason: str
) -> list[str]:
    moved = connection.execute(
        update(keys)
        .where(keys.c.line_id == line_id, keys.c.state.in_(_FROM[state]))
        .values(state=state, state_at=at, state_by=SYSTEM_USER, state_reason=reason)
        .returning(keys.c.id)
    )
    return sorted(moved.scalars())


def _set_software(
    connection: Connection, line_id: str, status: SoftwareStatus, at: datetime
) -> None:
    software = order_book.software
    connection.execute(
        update(software).where(software.c.line_id == line_id).values(status=status, status_at=at)
    )

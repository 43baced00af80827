"""Product keys in the book: allocating from the pool, suspending, reinstating, revoking."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ARRAY, Connection, Integer, Row, any_, literal, select, update

from models.cancellation import CancellationStatus
from models.catalogue import KeyMode
from models.cipher import CipherError, Sealed
from models.errors import Unavailable
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
from storage.cipher import columns_of, holder_of, sealed_of
from storage.effect import Effect, perform
from storage.engine import Database
from storage.stock import raise_alerts

keys = table(ProductKeyRow)
links = table(DownloadLinkRow)


class Binder(Protocol):
    """The part of a cipher that ties a key to whoever gets it."""

    def is_whole(self, sealed: Sealed, context: str) -> bool: ...

    def bind(self, sealed: Sealed, context: str, holder: str) -> Sealed: ...


def allocate_keys(database: Database, step: Step, binder: Binder, low_stock: int = 0) -> Allocation:
    """Take keys from the pool for every line, or none at all and say which SKUs ran dry.

    Each is sealed anew for its holder. `low_stock` is the threshold of SKUs that have none of their own.
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
        # SKUs are taken in sorted order, so two orders never wait for each other crosswise.
        taken = {sku: take(connection, sku, n, binder) for sku, n in sorted(needed.items())}
        missing = tuple(sku for sku, free in taken.items() if len(free) < needed[sku])
        if missing:
            # Nothing was written yet: the row locks on the keys end with this transaction.
            return Allocation(allocated=False, missing_skus=missing)
        for line in wanted:
            for unit_number in range(1, _needs(line) + 1):
                key = taken[line.sku].pop(0)
                hold(connection, key, line, unit_number, binder, step.at, "purchase")
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


def take(connection: Connection, sku: str, count: int, binder: Binder) -> list[Row[Any]]:
    """So many free keys, locked, or as many as there are; one whose seal is broken is passed over.

    A worker whose ring is behind is mended by a restart, so what it cannot open is no refusal: Unavailable.
    """
    found: list[Row[Any]] = []
    after = ""
    while len(found) < count:
        free = _free(connection, sku, after, count - len(found))
        if not free:
            break
        after = free[-1].id
        try:
            found += [key for key in free if binder.is_whole(sealed_of(key), key.id)]
        except CipherError as error:
            raise Unavailable(error.code, error.message) from None
    return found


def _free(connection: Connection, sku: str, after: str, count: int) -> Sequence[Row[Any]]:
    return connection.execute(
        select(keys)
        .where(keys.c.sku == sku, keys.c.state == KeyState.AVAILABLE, keys.c.id > after)
        .order_by(keys.c.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    ).all()


def hold(
    connection: Connection,
    key: Row[Any],
    line: Row[Any],
    unit_number: int,
    binder: Binder,
    at: datetime,
    reason: str,
) -> None:
    """Give a free key to one unit of a line, for life, and seal it for that line's owner."""
    sealed = binder.bind(sealed_of(key), key.id, holder_of(line, line.id))
    connection.execute(
        update(keys)
        .where(keys.c.id == key.id)
        .values(
            state=KeyState.ALLOCATED,
            state_at=at,
            state_by=SYSTEM_USER,
            state_reason=reason,
            line_id=line.id,
            order_id=line.order_id,
            partner_id=line.partner_id,
            customer_id=line.customer_id,
            unit_number=unit_number,
            **columns_of(sealed),
        )
    )


def suspend_key(database: Database, step: Step) -> Done:
    """Stop the keys of the case's units before any money moves; reversible, so a crash leaves the safe side."""

    def work(effect: Effect) -> Done:
        case = load_case(effect.connection, step.subject_id)
        if case.status != CancellationStatus.APPROVED:
            # A late attempt of a frozen worker: the case was compensated meanwhile, the key works.
            return Done(done=False)
        effect.belongs_to(case.partner_id, case.customer_id)
        _move(effect.connection, case, KeyState.SUSPENDED, step.at, "cancellation approved")
        if not _has_working_key(effect.connection, case.line_id):
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
            effect.connection, case, KeyState.ALLOCATED, step.at, "cancellation compensated"
        )
        if suspended:
            _set_software(effect.connection, case.line_id, SoftwareStatus.ACTIVE, step.at)
        effect.audit(SYSTEM_USER, "key.reinstated", case.line_id)
        return effect.conclude(
            SYSTEM_USER, "The product key works again.", Done(), cancellation_id=case.id
        )

    return perform(database, step, "reinstate_key", Done, work)


def revoke_key(database: Database, step: Step) -> Done:
    """End the keys of the case's units for good, and with the last unit every link; the item stays listed."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        case = load_case(connection, step.subject_id)
        effect.belongs_to(case.partner_id, case.customer_id)
        revoked = _move(connection, case, KeyState.REVOKED, step.at, "cancellation")
        all_gone = case.cancelled_quantity == case.line_quantity
        if all_gone:
            _end_item(connection, case.line_id, step.at)
        effect.publish(
            OutgoingType.KEY_REVOKED,
            order_id=case.order_id,
            software_id=case.software_id,
            quantity=case.quantity,
            key_ids=revoked,
            cancellation_id=case.id,
        )
        effect.audit(SYSTEM_USER, "key.revoked", case.line_id, keys=len(revoked))
        return effect.conclude(
            SYSTEM_USER,
            _REVOKED if all_gone else _REVOKED_PART.format(case=case),
            Done(),
            cancellation_id=case.id,
        )

    return perform(database, step, "revoke_key", Done, work)


_REVOKED = "The product key and its links were revoked."
_REVOKED_PART = "The product keys of {case.quantity} of {case.line_quantity} units were revoked."
_FROM = {
    KeyState.SUSPENDED: [KeyState.ALLOCATED],
    KeyState.ALLOCATED: [KeyState.SUSPENDED],
    KeyState.REVOKED: [KeyState.ALLOCATED, KeyState.SUSPENDED],
}


def _move(
    connection: Connection, case: Row[Any], state: KeyState, at: datetime, reason: str
) -> list[str]:
    """The keys that moved; where one key serves the whole line, it is its first unit's."""
    moved = connection.execute(
        update(keys)
        .where(
            keys.c.line_id == case.line_id,
            keys.c.unit_number == any_(literal(list(case.units), ARRAY(Integer))),
            keys.c.state.in_(_FROM[state]),
        )
        .values(state=state, state_at=at, state_by=SYSTEM_USER, state_reason=reason)
        .returning(keys.c.id)
    )
    return sorted(moved.scalars())


def _has_working_key(connection: Connection, line_id: str) -> bool:
    working = select(keys.c.id).where(keys.c.line_id == line_id, keys.c.state == KeyState.ALLOCATED)
    return connection.execute(working.limit(1)).first() is not None


def _end_item(connection: Connection, line_id: str, at: datetime) -> None:
    _set_software(connection, line_id, SoftwareStatus.CANCELLED, at)
    connection.execute(
        update(links)
        .where(links.c.line_id == line_id, links.c.revoked_at.is_(None))
        .values(revoked_at=at)
    )


def _set_software(
    connection: Connection, line_id: str, status: SoftwareStatus, at: datetime
) -> None:
    software = order_book.software
    connection.execute(
        update(software)
        .where(software.c.line_id == line_id, software.c.status != status)
        .values(status=status, status_at=at)
    )

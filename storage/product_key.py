"""Product keys in the book: allocating from the pool, suspending, reinstating, revoking."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    Connection,
    Integer,
    Row,
    any_,
    exists,
    literal,
    or_,
    select,
    true,
    update,
)

from models.cancellation import CancellationStatus
from models.catalogue import KeyMode
from models.errors import Invalid, NotFound
from models.ids import SYSTEM_USER
from models.order import Allocation, OrderStatus
from models.outgoing import KeyRevoked
from models.product_key import KeyName, KeyState
from models.software import SoftwareStatus
from models.step import Done, Step
from models.tables.column import table
from models.tables.product_key import DownloadLinkRow
from models.tables.replacement import ReplacementRow
from storage import order as order_book
from storage import ticket as ticket_book
from storage.case import load_case
from storage.effect import Effect, perform
from storage.engine import Database
from storage.pool import Binder, hold, keys, take
from storage.stock import raise_alerts

links = table(DownloadLinkRow)
replacements = table(ReplacementRow)

BY_CASE = "cancellation approved"
"""Why a cancellation suspends: what others suspended it does not reinstate."""


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


def choose_key(connection: Connection, line_id: str, name: KeyName) -> Row[Any]:
    """The key that is meant; locked, so that it cannot move between this look and the commit.

    A unit's key is the one it has now; a key that was replaced is found by its id alone.
    """
    query = select(keys).where(keys.c.line_id == line_id).with_for_update(read=True)
    if name.key_id is not None:
        query = query.where(keys.c.id == name.key_id)
    else:
        query = query.where(
            ~exists().where(
                replacements.c.old_key_id == keys.c.id, replacements.c.new_key_id.is_not(None)
            )
        )
    if name.unit_number is not None:
        query = query.where(keys.c.unit_number == name.unit_number)
    found = connection.execute(query.limit(2)).all()
    if not found:
        raise NotFound("product key")
    if len(found) > 1:
        raise Invalid(
            "key_not_named",
            "This item has several product keys: name one by key_id or unit_number.",
        )
    return found[0]


def suspend_key(database: Database, step: Step) -> Done:
    """Stop the keys of the case's units before any money moves; reversible, so a crash leaves the safe side."""

    def work(effect: Effect) -> Done:
        case = load_case(effect.connection, step.subject_id)
        if case.status != CancellationStatus.APPROVED:
            # A late attempt of a frozen worker: the case was compensated meanwhile, the key works.
            return Done(done=False)
        effect.belongs_to(case.partner_id, case.customer_id)
        _move(effect.connection, case, KeyState.SUSPENDED, step.at, BY_CASE)
        if not _has_living_key(effect.connection, case.line_id):
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
            KeyRevoked(
                order_id=case.order_id,
                software_id=case.software_id,
                quantity=case.quantity,
                key_ids=tuple(revoked),
                cancellation_id=case.id,
            )
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
    # A key that an operator suspended because it leaked stays down.
    ours = keys.c.state_reason == BY_CASE if state is KeyState.ALLOCATED else true()
    moved = connection.execute(
        update(keys)
        .where(
            keys.c.line_id == case.line_id,
            keys.c.unit_number == any_(literal(list(case.units), ARRAY(Integer))),
            keys.c.state.in_(_FROM[state]),
            ours,
        )
        .values(state=state, state_at=at, state_by=SYSTEM_USER, state_reason=reason)
        .returning(keys.c.id)
    )
    return sorted(moved.scalars())


def _has_living_key(connection: Connection, line_id: str) -> bool:
    """Whether a key works, or would if it had not leaked."""
    leaked = (keys.c.state == KeyState.SUSPENDED) & (keys.c.state_reason != BY_CASE)
    living = or_(keys.c.state == KeyState.ALLOCATED, leaked)
    found = select(keys.c.id).where(keys.c.line_id == line_id, living)
    return connection.execute(found.limit(1)).first() is not None


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

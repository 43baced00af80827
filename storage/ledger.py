"""The double-entry ledger: charging an order, reversing the charge, booking a credit, settling a statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from models.ids import SYSTEM_USER, Prefix, effect_key, new_id
from models.ledger import AccountKind, EntryKind
from models.notice import NoticeKind
from models.order import OrderStatus
from models.software import SoftwareStatus
from models.statement import Account, Statement
from models.step import ActedStep, Done, Step
from models.tables.column import table
from models.tables.ledger import AccountRow, EntryRow, PostingRow
from storage import order as order_book
from storage import ticket as ticket_book
from storage.effect import Effect, perform
from storage.engine import Database

accounts = table(AccountRow)
entries = table(EntryRow)
postings = table(PostingRow)


def charge_order(database: Database, step: Step) -> Done:
    """Charge the partner's account with the order's total: debit receivable, credit sales."""

    def work(effect: Effect) -> Done:
        order = order_book.load(effect.connection, step.order_id)
        effect.belongs_to(order.partner_id, order.customer_id)
        _post(
            effect.connection,
            _owner(order),
            kind=EntryKind.CHARGE,
            business_key=effect_key(order.id, "charge"),
            at=step.at,
            debit=AccountKind.RECEIVABLE,
            credit=AccountKind.SALES,
            amount_minor=order.total_minor,
        )
        order_book.set_status(effect.connection, order.id, OrderStatus.CHARGED, step.at)
        total = order_book.total(order)
        effect.audit(SYSTEM_USER, "order.charged", order.id, amount=str(total))
        return effect.conclude(SYSTEM_USER, f"The partner's account was charged {total}.", Done())

    return perform(database, step, "charge_order", Done, work)


def reverse_charge(database: Database, step: ActedStep) -> Done:
    """Undo the charge of an order that could not be fulfilled; an order never charged is only closed."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        order = order_book.load(connection, step.order_id)
        effect.belongs_to(order.partner_id, order.customer_id)
        charge = connection.execute(
            select(entries).where(entries.c.business_key == effect_key(order.id, "charge"))
        ).one_or_none()
        if charge is None:
            order_book.set_status(connection, order.id, OrderStatus.REFUSED, step.at)
            effect.audit(step.actor_id, "order.refused", order.id)
            return effect.conclude(step.actor_id, "The order was closed uncharged.", Done())
        _post(
            connection,
            _owner(order),
            kind=EntryKind.REVERSAL,
            business_key=effect_key(order.id, "reversal"),
            at=step.at,
            debit=AccountKind.SALES,
            credit=AccountKind.RECEIVABLE,
            amount_minor=order.total_minor,
            reverses_id=charge.id,
        )
        order_book.set_status(connection, order.id, OrderStatus.FAILED, step.at)
        order_book.set_software_status(connection, order.id, SoftwareStatus.CANCELLED, step.at)
        ticket_book.close_incident(connection, order.id, step.at)
        effect.tell(
            NoticeKind.ORDER_FAILED,
            [order.placed_by],
            **order_book.facts(order),
            reason="no_keys" if step.actor_id == SYSTEM_USER else "given_up",
        )
        total = order_book.total(order)
        effect.audit(step.actor_id, "order.charge_reversed", order.id, amount=str(total))
        return effect.conclude(step.actor_id, f"The charge of {total} was reversed.", Done())

    return perform(database, step, "reverse_charge", Done, work)


def post_credit(
    connection: Connection, order: Row[Any], line_id: str, key: str, amount_minor: int, at: datetime
) -> str:
    """Give money back: debit refunds, credit receivable. Returns the entry's id."""
    return _post(
        connection,
        _owner(order),
        kind=EntryKind.CREDIT,
        business_key=key,
        at=at,
        debit=AccountKind.REFUNDS,
        credit=AccountKind.RECEIVABLE,
        amount_minor=amount_minor,
        line_id=line_id,
    )


def post_settlement(connection: Connection, account: Account, statement: Statement) -> str | None:
    """Move what the statement claims: debit billed, credit receivable. Returns the entry's id, if it is anything."""
    if statement.due.amount_minor == 0:
        return None
    return _post(
        connection,
        _Owner(account.partner_id, account.currency),
        kind=EntryKind.SETTLEMENT,
        business_key=effect_key(statement.id, "settlement"),
        at=statement.issued_at,
        debit=AccountKind.BILLED,
        credit=AccountKind.RECEIVABLE,
        amount_minor=statement.due.amount_minor,
    )


def lock_account(connection: Connection, account: Account, kind: AccountKind) -> None:
    """Until this transaction ends nobody posts to the partner's account of this kind."""
    own = select(accounts.c.id).where(
        accounts.c.partner_id == account.partner_id,
        accounts.c.currency == account.currency,
        accounts.c.kind == kind,
    )
    connection.execute(own.with_for_update())


class _Owner(NamedTuple):
    """Whose money moves, and for which order, if for one."""

    partner_id: str
    currency: str
    order_id: str | None = None


def _owner(order: Row[Any]) -> _Owner:
    return _Owner(order.partner_id, order.currency, order.id)


def _post(
    connection: Connection,
    owner: _Owner,
    *,
    kind: EntryKind,
    business_key: str,
    at: datetime,
    debit: AccountKind,
    credit: AccountKind,
    amount_minor: int,
    line_id: str | None = None,
    reverses_id: str | None = None,
) -> str:
    """The one writer of money. Versions and balances are filled by the database as the postings land."""
    account_ids = _accounts(connection, owner.partner_id, owner.currency, (debit, credit))
    entry_id = new_id(Prefix.ENTRY)
    connection.execute(
        insert(entries).values(
            id=entry_id,
            kind=kind,
            business_key=business_key,
            partner_id=owner.partner_id,
            order_id=owner.order_id,
            line_id=line_id,
            currency=owner.currency,
            booked_at=at,
            reverses_id=reverses_id,
        )
    )
    sides = {account_ids[debit]: amount_minor, account_ids[credit]: -amount_minor}
    owned = {"entry_id": entry_id, "partner_id": owner.partner_id, "currency": owner.currency}
    # Accounts are locked in the order of their ids, so that two entries can never wait for each other.
    connection.execute(
        insert(postings),
        [owned | {"account_id": a, "amount_minor": m} for a, m in sorted(sides.items())],
    )
    return entry_id


def _accounts(
    connection: Connection, partner_id: str, currency: str, kinds: Sequence[AccountKind]
) -> dict[str, str]:
    wanted = select(accounts.c.kind, accounts.c.id).where(
        accounts.c.partner_id == partner_id,
        accounts.c.currency == currency,
        accounts.c.kind.in_(kinds),
    )
    found = {row.kind: row.id for row in connection.execute(wanted)}
    if len(found) == len(kinds):
        return found
    connection.execute(
        upsert(accounts).on_conflict_do_nothing(),
        [
            {
                "id": new_id(Prefix.ACCOUNT),
                "partner_id": partner_id,
                "kind": kind,
                "currency": currency,
                "balance_minor": 0,
                "version": 0,
            }
            for kind in sorted(kinds)
        ],
    )
    return {row.kind: row.id for row in connection.execute(wanted)}

"""Orders in the book: placing, validating, delivering and closing; storage/order_view.py reads them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from models.cancellation import OVER
from models.ids import SYSTEM_USER, Prefix, new_id
from models.money import Money
from models.notice import NoticeKind
from models.order import OrderDraft, OrderStatus, Settlement, Validation
from models.outgoing import OrderFinal, OrderFulfilled
from models.policy import CancellationPolicy
from models.principal import Principal
from models.software import SoftwareStatus
from models.step import Done, Step
from models.tables.cancellation import CancellationRow
from models.tables.catalogue import CustomerRow, PolicyRow, PriceRow, ProductRow
from models.tables.column import table
from models.tables.order import OrderLineRow, OrderRow, SoftwareItemRow
from storage.case import cancelled_quantity
from storage.effect import Effect, perform
from storage.engine import Database, constraint_of
from storage.price import price_lines
from storage.refusal import reference_taken

orders = table(OrderRow)
lines = table(OrderLineRow)
software = table(SoftwareItemRow)
customers = table(CustomerRow)
products = table(ProductRow)
prices = table(PriceRow)
policies = table(PolicyRow)
cancellations = table(CancellationRow)


def place_order(
    database: Database,
    draft: OrderDraft,
    order_id: str,
    placed_by: Principal,
    received_at: datetime,
) -> Done:
    """Write the order with its lines, prices and frozen policies; a repeat under the same id does nothing."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        partner_id = connection.execute(
            select(customers.c.partner_id).where(customers.c.id == draft.customer_id)
        ).scalar_one()
        effect.belongs_to(partner_id, draft.customer_id)
        priced = price_lines(connection, draft, received_at)
        owner = {"order_id": order_id, "partner_id": partner_id, "customer_id": draft.customer_id}
        connection.execute(
            insert(orders).values(
                id=order_id,
                partner_id=partner_id,
                customer_id=draft.customer_id,
                placed_by=placed_by.user_id,
                placed_at=received_at,
                currency=draft.currency,
                total_minor=sum(line["total_minor"] for line in priced),
                reference=draft.reference,
                status=OrderStatus.PLACED,
                status_at=received_at,
            )
        )
        connection.execute(insert(lines), [owner | line for line in priced])
        connection.execute(
            insert(software),
            [
                owner
                | {
                    "id": new_id(Prefix.SOFTWARE),
                    "line_id": line["id"],
                    "status": SoftwareStatus.PREPARING,
                    "status_at": received_at,
                }
                for line in priced
            ],
        )
        effect.audit(placed_by.user_id, "order.placed", order_id, lines=len(priced))
        return effect.conclude(placed_by.user_id, "The order was placed.", Done())

    step = Step(subject_id=order_id, order_id=order_id, at=received_at)
    try:
        return perform(database, step, "place_order", Done, work)
    except IntegrityError as error:
        if constraint_of(error) == "uq_orders_partner_id_reference":
            raise reference_taken() from None
        raise


def load(connection: Connection, order_id: str) -> Row[Any]:
    """One order with its customer's name and tenant; the row that notices and summaries are made from."""
    return connection.execute(
        select(
            orders,
            customers.c.name.label("customer_name"),
            customers.c.tenant_id.label("customer_tenant"),
            customers.c.domain.label("customer_domain"),
        )
        .join(customers, customers.c.id == orders.c.customer_id)
        .where(orders.c.id == order_id)
    ).one()


def facts(order: Row[Any]) -> dict[str, Any]:
    """What every notice about an order may say."""
    return {
        "order_number": order.number,
        "customer_name": order.customer_name,
        "total": total(order).model_dump(),
    }


def total(order: Row[Any]) -> Money:
    """What the order costs."""
    return Money(amount_minor=order.total_minor, currency=order.currency)


def set_status(connection: Connection, order_id: str, status: OrderStatus, at: datetime) -> None:
    """Move the order on; the database refuses an illegal move."""
    connection.execute(
        update(orders).where(orders.c.id == order_id).values(status=status, status_at=at)
    )


def set_software_status(
    connection: Connection, order_id: str, status: SoftwareStatus, at: datetime
) -> None:
    """Move every item of an order on."""
    connection.execute(
        update(software).where(software.c.order_id == order_id).values(status=status, status_at=at)
    )


def validate_order(database: Database, step: Step) -> Validation:
    """Accept the order for charging, and say until when its windows are open."""

    def work(effect: Effect) -> Validation:
        connection = effect.connection
        order = load(connection, step.order_id)
        effect.belongs_to(order.partner_id, order.customer_id)
        last_window = connection.execute(
            select(lines.c.window_closes_at, lines.c.policy)
            .where(lines.c.order_id == step.order_id)
            .order_by(lines.c.window_closes_at.desc())
            .limit(1)
        ).one()
        policy = CancellationPolicy.model_validate(last_window.policy)
        remind_at = last_window.window_closes_at - policy.remind_before_close
        effect.audit(SYSTEM_USER, "order.validated", step.order_id)
        return effect.conclude(
            SYSTEM_USER,
            "The order was found valid.",
            Validation(
                accepted=True,
                line_count=_line_count(connection, step.order_id),
                total_text=str(total(order)),
                remind_at=remind_at if remind_at > order.placed_at else None,
                window_closes_at=last_window.window_closes_at,
            ),
        )

    return perform(database, step, "validate_order", Validation, work)


def open_downloads(database: Database, step: Step) -> Done:
    """Make every item active and the order fulfilled: from now on its buyers may get keys and downloads."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        order = load(connection, step.order_id)
        effect.belongs_to(order.partner_id, order.customer_id)
        set_software_status(connection, step.order_id, SoftwareStatus.ACTIVE, step.at)
        set_status(connection, step.order_id, OrderStatus.FULFILLED, step.at)
        closes = _last_window(connection, step.order_id)
        effect.tell(
            NoticeKind.ORDER_FULFILLED,
            [order.placed_by],
            **facts(order),
            window_closes_at=closes.isoformat(),
        )
        effect.publish(OrderFulfilled(order_id=step.order_id, order_number=order.number))
        effect.audit(SYSTEM_USER, "order.fulfilled", step.order_id)
        return effect.conclude(SYSTEM_USER, "Keys and downloads are ready.", Done())

    return perform(database, step, "open_downloads", Done, work)


def remind_window(database: Database, step: Step) -> Done:
    """Tell the buyer that the cancellation window closes soon."""

    def work(effect: Effect) -> Done:
        order = load(effect.connection, step.order_id)
        effect.belongs_to(order.partner_id, order.customer_id)
        effect.tell(
            NoticeKind.WINDOW_CLOSING,
            [order.placed_by],
            **facts(order),
            window_closes_at=_last_window(effect.connection, step.order_id).isoformat(),
        )
        effect.audit(SYSTEM_USER, "order.window_closing", step.order_id)
        return effect.conclude(
            SYSTEM_USER, "The buyer was told that the window closes soon.", Done()
        )

    return perform(database, step, "remind_window", Done, work)


def finalise_order(database: Database, step: Step) -> Settlement:
    """Close the order for good once its windows are past and no cancellation of it is open."""

    def work(effect: Effect) -> Settlement:
        connection = effect.connection
        order = load(connection, step.order_id)
        effect.belongs_to(order.partner_id, order.customer_id)
        open_count = connection.execute(
            select(func.count())
            .select_from(cancellations)
            .where(cancellations.c.order_id == step.order_id, cancellations.c.status.not_in(OVER))
        ).scalar_one()
        if open_count:
            return Settlement(final=False, open_cancellations=open_count)
        cancelled = _no_unit_is_left(connection, step.order_id)
        status = OrderStatus.CANCELLED if cancelled else OrderStatus.FINAL
        set_status(connection, step.order_id, status, step.at)
        if not cancelled:
            effect.tell(NoticeKind.ORDER_FINAL, [order.placed_by], **facts(order))
        effect.publish(OrderFinal(order_id=step.order_id, status=status))
        effect.audit(SYSTEM_USER, f"order.{status}", step.order_id)
        sentence = (
            "Every line was cancelled." if cancelled else "The window closed; the order is final."
        )
        return effect.conclude(SYSTEM_USER, sentence, Settlement(final=True, status=status))

    return perform(database, step, "finalise_order", Settlement, work)


def _last_window(connection: Connection, order_id: str) -> datetime:
    closes: datetime = connection.execute(
        select(func.max(lines.c.window_closes_at)).where(lines.c.order_id == order_id)
    ).scalar_one()
    return closes


def _line_count(connection: Connection, order_id: str) -> int:
    count: int = connection.execute(
        select(func.count()).select_from(lines).where(lines.c.order_id == order_id)
    ).scalar_one()
    return count


def _no_unit_is_left(connection: Connection, order_id: str) -> bool:
    kept = select(lines.c.id).where(
        lines.c.order_id == order_id, cancelled_quantity() < lines.c.quantity
    )
    return connection.execute(kept).first() is None

"""Orders to cancel: sold and delivered by the house's own effects, without a workflow."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import select

from benchmarks.place import AUTOMATIC_SKU, CIPHER
from models.base import Value
from models.cancellation import CancellationRequest
from models.ids import Prefix, cancellation_workflow_id, new_id
from models.order import OrderDraft, OrderLineDraft
from models.principal import Principal
from models.step import Step
from models.ticket import Contact
from storage import cancellation, ledger, order, product_key
from storage.engine import Database
from storage.principal import principal_of

BUYER = "usr_alice_admin"
_CUSTOMER = f"cus_{1:032d}"
_CONTACT = Contact(name="Bench Buyer", email="bench@buyer.example", phone="+420 600 000 000")
_SELLERS = 4
_AGE = timedelta(minutes=10)


class Sale(Value):
    """One delivered order of one line, and the id its cancellation will have."""

    order_id: str
    line_id: str
    software_id: str
    cancellation_id: str

    @property
    def workflow_id(self) -> str:
        """The process of its first cancellation."""
        return cancellation_workflow_id(self.line_id, 1)


class Till:
    """Sells and takes requests, as the demo partner's admin agent."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reading() as connection:
            found = principal_of(connection, BUYER)
        assert found is not None
        self.buyer: Principal = found

    def sell(self, count: int, sku: str = AUTOMATIC_SKU) -> list[Sale]:
        """So many orders, placed some minutes ago and delivered."""
        with ThreadPoolExecutor(_SELLERS) as sellers:
            return list(sellers.map(lambda _: self._sell_one(sku), range(count)))

    def _sell_one(self, sku: str) -> Sale:
        order_id = new_id(Prefix.ORDER)
        at = datetime.now(UTC) - _AGE
        line = OrderLineDraft(sku=sku, quantity=1)
        draft = OrderDraft(customer_id=_CUSTOMER, currency="EUR", lines=(line,))
        order.place_order(self._database, draft, order_id, self.buyer, at)
        step = Step(subject_id=order_id, order_id=order_id, at=at)
        for effect in (
            order.validate_order,
            ledger.charge_order,
            partial(product_key.allocate_keys, binder=CIPHER),
            order.open_downloads,
        ):
            effect(self._database, step)
        return self._sale(order_id)

    def _sale(self, order_id: str) -> Sale:
        item = order.software
        with self._database.reading() as connection:
            row = connection.execute(
                select(item.c.id, item.c.line_id).where(item.c.order_id == order_id)
            ).one()
        return Sale(
            order_id=order_id,
            line_id=row.line_id,
            software_id=row.id,
            cancellation_id=new_id(Prefix.CANCELLATION),
        )

    def receive(self, sale: Sale) -> None:
        """Write the request for its cancellation: what every contestant's door does first."""
        cancellation.receive_cancellation(
            self._database,
            wish(sale),
            sale.cancellation_id,
            sale.order_id,
            self.buyer,
            datetime.now(UTC),
        )


def wish(sale: Sale) -> CancellationRequest:
    """The form as the partner fills it in."""
    return CancellationRequest(
        software_id=sale.software_id, reason="Bought twice by mistake.", contact=_CONTACT
    )

"""Stories to test on: an order and its cancellation, told by the house's own effects as far as a test wants."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from models.cancellation import CancellationRequest
from models.decision import Verdict
from models.ids import SYSTEM_USER, Prefix, new_id
from models.order import OrderDraft, OrderLineDraft
from models.principal import Principal
from models.product_key import RevealRequest
from models.step import ActedStep, Step
from models.tables.column import table
from models.tables.order import OrderLineRow, SoftwareItemRow
from models.ticket import Contact
from storage import (
    cancellation,
    credit,
    ledger,
    order,
    product_key,
    ticket,
)
from storage.download import create_link
from storage.download_use import Span, begin_use, end_download, open_link
from storage.engine import Database
from storage.principal import principal_of
from storage.product_file import files_of
from storage.reveal import Allowance, reveal_key
from tests.fixtures.leak import Leak
from tests.fixtures.ring import CIPHER
from tests.fixtures.ruling import Ruling

PARTNER, OTHER_PARTNER = (f"par_{number:032d}" for number in (1, 2))
CUSTOMER, SISTER_CUSTOMER, OTHER_CUSTOMER = (f"cus_{number:032d}" for number in (1, 2, 3))
BUYER, OTHER_BUYER = "usr_alice_admin", "usr_petra_admin"
GLOBAL_ADMIN = "usr_greta_global"
APPROVER, OTHER_APPROVER = "usr_bob_approver", "usr_carol_approver"
BOTH, OPERATOR = "usr_dana_both", "usr_olga_operator"
PER_LINE, PER_UNIT = "DG7GMGF0D5RK:0004", "DG7GMGF0D7FV:0001"
SEVERAL = "DG7GMGF0FKX9:0003"
"""A product whose cancellations two people must approve, once `two_people()` is in the book."""
UNDOABLE = "DG7GMGF0D65N:0002"
"""A product whose approvals can be taken back for five minutes, once `undoable()` is in the book."""
PARTS = "DG7GMGF0D7D9:0001"
"""A product of which some units may go, once `single_units()` is in the book."""
PLACED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CONTACT = Contact(name="Alena Nová", email="alena@vltava-cloud.example", phone="+420 601 234 567")


class Story(Leak, Ruling):
    """One order and one cancellation of its first line; every step happens a minute after the one before."""

    def __init__(
        self,
        database: Database,
        *,
        placed_at: datetime = PLACED_AT,
        sku: str = PER_LINE,
        quantity: int = 2,
        currency: str = "EUR",
    ) -> None:
        self.database = database
        self.at = placed_at
        self.order_id = new_id(Prefix.ORDER)
        self.cancellation_id = new_id(Prefix.CANCELLATION)
        self.replacement_id = new_id(Prefix.REPLACEMENT)
        self.round_number = 1
        self.line_id = ""
        self.software_id = ""
        self.link_id = ""
        self._currency = currency
        self._draft = OrderLineDraft(sku=sku, quantity=quantity)

    def place(self, buyer: str = BUYER, customer: str = CUSTOMER) -> "Story":
        """The order is in the book."""
        draft = OrderDraft(customer_id=customer, currency=self._currency, lines=(self._draft,))
        placed_by = self.person(buyer)
        order.place_order(self.database, draft, self.order_id, placed_by, self.at)
        lines, items = table(OrderLineRow), table(SoftwareItemRow)
        with self.database.reading() as connection:
            own = select(lines.c.id, items.c.id).join(items, items.c.line_id == lines.c.id)
            row = connection.execute(own.where(lines.c.order_id == self.order_id)).one()
        self.line_id, self.software_id = row
        return self

    def charge(self) -> "Story":
        """Found valid and charged."""
        order.validate_order(self.database, self.step(self.order_id))
        ledger.charge_order(self.database, self.step(self.order_id))
        return self

    def deliver(self) -> "Story":
        """Keys allocated and downloads open."""
        product_key.allocate_keys(self.database, self.step(self.order_id), CIPHER)
        order.open_downloads(self.database, self.step(self.order_id))
        return self

    def buy(self) -> "Story":
        """From the draft to working keys."""
        return self.place().charge().deliver()

    def report_dry_stock(self) -> "Story":
        """There are no keys: an incident is open."""
        skus = (self._draft.sku,)
        ticket.open_stock_incident(self.database, self.step(self.order_id), skus)
        return self

    def run_dry(self) -> "Story":
        """No key came in time: an incident, and the charge is reversed."""
        self.report_dry_stock()
        step = ActedStep(**self.step(self.order_id).model_dump(), actor_id=SYSTEM_USER)
        ledger.reverse_charge(self.database, step)
        return self

    def reveal(self, user_id: str = BUYER, reason: str | None = None, unit: int = 1) -> "Story":
        """Somebody looks at a key of the line, the first unless another is named."""
        reveal_key(
            self.database,
            RevealRequest(unit_number=unit, reason=reason),
            self.software_id,
            new_id(Prefix.REVEAL),
            self.person(user_id),
            self.tick(),
            Allowance(per_user_hourly=100, per_partner_daily=1000),
        )
        return self

    def share(self, user_id: str = BUYER) -> "Story":
        """Somebody makes a download link."""
        with self.database.reading() as connection:
            file_id = files_of(connection, self._draft.sku)[0].id
        self.link_id = new_id(Prefix.LINK)
        create_link(
            self.database,
            self.software_id,
            file_id,
            self.link_id,
            self.link_id.encode(),
            self.person(user_id),
            self.tick(),
        )
        return self

    def download(self) -> "Story":
        """Somebody uses the link, and gets the whole file."""
        at = self.tick()
        with self.database.reading() as connection:
            opened = open_link(connection, self.link_id.encode(), at)
        assert opened is not None
        whole = Span(0, opened.file.size_bytes)
        download_id = begin_use(self.database, opened, whole, at)
        assert download_id is not None
        end_download(self.database, download_id, whole.stop, self.tick())
        return self

    def request(self, requester: str = BUYER, **asked: Any) -> "Story":
        """The cancellation is received, found eligible, and its ticket is open."""
        self.receive(requester, **asked)
        cancellation.validate_window(self.database, self.step())
        ticket.create_ticket(self.database, self.step())
        return self

    def receive(self, requester: str = BUYER, **asked: Any) -> "Story":
        """The cancellation is in the book, of the quantity or units asked for."""
        wanted = CancellationRequest(
            software_id=self.software_id,
            reason="Bought twice by mistake.",
            reason_code="ordered_by_mistake",
            contact=CONTACT,
            **asked,
        )
        cancellation.receive_cancellation(
            self.database,
            wanted,
            self.cancellation_id,
            self.order_id,
            self.person(requester),
            self.tick(),
        )
        return self

    def suspend(self) -> "Story":
        """The key stops working."""
        product_key.suspend_key(self.database, self.step())
        return self

    def credit(self) -> "Story":
        """The money is given back."""
        credit.book_credit(self.database, self.step())
        return self

    def revoke(self) -> "Story":
        """The key is dead, and its links with it."""
        product_key.revoke_key(self.database, self.step())
        return self

    def close(self) -> "Story":
        """The ticket is closed and the case completed."""
        ticket.close_ticket(self.database, self.step())
        return self

    def cancel(self, **asked: Any) -> "Story":
        """From the request to the closed ticket."""
        return self.request(**asked).decide().suspend().credit().revoke().close()

    def again(self) -> "Story":
        """What follows is about another cancellation of the line."""
        self.cancellation_id = new_id(Prefix.CANCELLATION)
        return self

    def compensate(self) -> "Story":
        """An operator ends an approved case before its credit."""
        cancellation.compensate_cancellation(self.database, self.step(), OPERATOR)
        product_key.reinstate_key(self.database, self.step())
        return self

    def expire(self) -> "Story":
        """Nobody decided in time."""
        return self.decide(Verdict.EXPIRED, SYSTEM_USER)

    def finish(self) -> "Story":
        """The window is past, or nothing is left to cancel."""
        order.finalise_order(self.database, self.step(self.order_id))
        return self

    def step(self, subject_id: str | None = None) -> Step:
        """The next step on the case, or on another subject of the same order."""
        return Step(
            subject_id=subject_id or self.cancellation_id, order_id=self.order_id, at=self.tick()
        )

    def tick(self) -> datetime:
        """A minute later."""
        self.at += timedelta(minutes=1)
        return self.at

    def person(self, user_id: str) -> Principal:
        """A demo user as the book knows them now."""
        with self.database.reading() as connection:
            found = principal_of(connection, user_id)
        assert found is not None
        return found

"""The whole story of design.md §2, told through the public API only: buy, reveal, download, cancel, decide, credit."""

import hashlib
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from models.event import EventType
from models.outlook import Language
from portal.api_client import Api, ApiFailed
from portal.demo_cast import Cast, House, Say, in_words, wait_for

PRODUCT = "DG7GMGF0D5RK:0004"
_EVENT_PRODUCT = "DG7GMGF0FKX9:0003"
_QUANTITY = 2
_CONTACT = {
    "name": "Dana Dvořáková",
    "email": "dana@vltava-cloud.example",
    "phone": "+420 601 234 567",
}
_REASON = "Bought for the wrong customer."


class Story:
    """What happened so far; each method is one sentence of the story, in the order of `sentences`."""

    def __init__(self, api: Api, cast: Cast, say: Say, house: House, *, show_key: bool) -> None:
        self._api = api
        self._cast = cast
        self._say = say
        self._house = house
        self._show_key = show_key
        self.facts: dict[str, Any] = {}

    @property
    def sentences(self) -> list[tuple[str, Callable[[], None]]]:
        """Every sentence with what makes it true."""
        return [
            ("An admin agent orders through the API", self.order),
            ("A portal orders by a signed event", self.order_by_event),
            ("Both orders are charged, and keys allocated", self.await_fulfilment),
            ("The house closes the month so far (only in development)", self.close_month),
            ("The agent reveals the product key", self.reveal),
            ("The agent makes a download link, and its receiver downloads", self.download),
            ("The cancellation is quoted, now and at the edge of its window", self.quote),
            ("An order of 75 days ago is too late to cancel", self.refuse_late),
            ("A colleague asks to cancel; a ticket opens", self.cancel),
            ("Nobody approves their own request", self.approve_own),
            ("A refund approver approves", self.approve),
            ("Key suspended, credit booked, key revoked, ticket closed", self.await_completion),
            ("The credit is the line's whole price", self.check_credit),
            ("The rest of the month is closed, with a credit note", self.check_credit_note),
            ("The key is dead, and the link with it", self.check_revoked),
            ("The ticket is closed", self.check_ticket),
        ]

    def order(self) -> None:
        """Step 1 of the seed."""
        customer = self._api.get("/customers", self._cast.agent)["items"][0]
        self.facts["customer_id"] = customer["id"]
        draft = self._draft(PRODUCT, _QUANTITY)
        order = self._api.post("/orders", self._cast.agent, draft)
        self.facts["order_id"] = order["id"]
        self._say(f"order {order['number']} for {customer['name']}: {in_words(order['total'])}")

    def order_by_event(self) -> None:
        """The same, as a portal of the partner would do it."""
        data = self._draft(_EVENT_PRODUCT, 1) | {"placed_by": self._cast.agent_id}
        receipt = self._api.send_event(
            self._cast.event_source, self._cast.event_secret, EventType.ORDER_PLACED, data
        )
        self.facts["event_reference"] = data["reference"]
        self._say(f"event {receipt['id']}: {receipt['status']}")

    def await_fulfilment(self) -> None:
        """Purchases are asynchronous; the portal shows how far each is."""
        order = self._await_order(lambda order: order["id"] == self.facts["order_id"])
        reference = self.facts["event_reference"]
        by_event = self._await_order(lambda order: order["reference"] == reference)
        self.facts |= {"line": order["lines"][0], "event_line": by_event["lines"][0]}
        self.facts["software_id"] = order["lines"][0]["software_id"]
        self._say(f"orders {order['number']} and {by_event['number']} are fulfilled")

    def reveal(self) -> None:
        """Step 2: the key in clear, to one person, recorded."""
        item = self._api.get(f"/software/{self.facts['software_id']}", self._cast.agent)
        shown = self._api.post(f"{self._item}/key-reveals", self._cast.agent, {})
        masked = item["keys"][0]["masked"]
        if not shown["product_key"].endswith(masked[-5:]):
            raise ApiFailed("The key revealed is not the one listed.")
        self.facts["masked_key"] = masked
        in_clear = shown["product_key"] if self._show_key else "25 characters, not repeated here"
        self._say(f"listed as {masked}, revealed as {in_clear}")

    def download(self) -> None:
        """Step 2 again: a link that can be sent on."""
        build = self._api.get(f"{self._item}/downloads", self._cast.agent)["items"][0]
        link = self._api.post(
            f"{self._item}/download-links", self._cast.agent, {"file_id": build["id"]}
        )
        content = self._api.fetch(link["file_url"]).content
        if hashlib.sha256(content).hexdigest() != build["sha256"]:
            raise ApiFailed("The downloaded file is not the one listed.")
        self.facts["link_url"] = link["url"]
        self._say(f"{build['file_name']}: {len(content)} bytes, SHA-256 as listed")

    def quote(self) -> None:
        """Step 3 begins: what would it bring, and until when."""
        now = self._quote_at(self.facts["software_id"])
        if not now["eligible"]:
            raise ApiFailed(f"The order cannot be cancelled: {now['reason']}.")
        self._say(f"now: {in_words(now['credit'])}, until {now['deadline']}")
        late = self.facts["event_line"]["software_id"]
        last = datetime.fromisoformat(self._quote_at(late)["deadline"])
        for at, expected in ((last, True), (last + timedelta(seconds=1), False)):
            found = self._quote_at(late, at=at.isoformat())
            if found["eligible"] is not expected:
                raise ApiFailed(f"At {at.isoformat()} the quote says {found['eligible']}.")
            self._say(found["explanation"])

    def refuse_late(self) -> None:
        """The window is over, whatever the reason; the refusal says until when it would have been accepted."""
        order_id = self._house.receive_long_ago(self.facts["customer_id"])

        def look() -> Any:
            order = self._api.get(f"/orders/{order_id}", self._cast.agent)
            return order["lines"][0] if order["status"] == "final" else None

        software_id = wait_for(look, "the end of an order whose window is over")["software_id"]
        form = {"software_id": software_id, "reason": _REASON, "contact": _CONTACT}
        code = self._api.refused("/cancellations", self._cast.buyer_and_approver, form)
        if code != "cancellation_window_closed":
            raise ApiFailed(f"The late cancellation was refused as {code}.")
        self._say(f"refused: {code}")
        for language in Language:
            self._say(self._quote_at(software_id, lang=language)["explanation"])

    def cancel(self) -> None:
        """Step 3: the form; what the order says already is not asked again."""
        case = self._api.post(
            "/cancellations",
            self._cast.buyer_and_approver,
            {
                "software_id": self.facts["software_id"],
                "reason": _REASON,
                "reason_code": "ordered_by_mistake",
                "impact": "moderate",
                "contact": _CONTACT,
            },
        )
        self.facts["cancellation_id"] = case["id"]
        case = self._await_case(lambda case: case["status"] == "pending_approval")
        self.facts["ticket_id"] = case["ticket_id"]
        self._say(f"ticket {case['ticket_number']} waits for approval")

    def approve_own(self) -> None:
        """Requester and approver are never the same person, whatever roles they hold."""
        code = self._api.refused(
            self._decisions, self._cast.buyer_and_approver, {"verdict": "approved"}
        )
        if code != "own_request":
            raise ApiFailed(f"The self-approval was refused as {code}.")
        self._say(f"refused: {code}")

    def approve(self) -> None:
        """Step 4: a second pair of eyes."""
        decision = self._api.post(
            self._decisions,
            self._cast.approver,
            {"verdict": "approved", "note": "Within the window."},
        )
        self._say(
            f"{decision['verdict']} for {in_words(decision['amount'])} by {decision['decided_by']}"
        )

    def await_completion(self) -> None:
        """The rest needs nobody."""
        case = self._await_case(lambda case: case["status"] == "completed")
        self.facts["credit_id"] = case["credit_id"]
        timeline = self._api.get(f"/cancellations/{case['id']}/timeline", self._cast.agent)
        for entry in timeline["items"]:
            self._say(entry["sentence"])

    def check_credit(self) -> None:
        """The money."""
        credit = self._api.get(f"/credits/{self.facts['credit_id']}", self._cast.agent)
        if credit["amount"] != self.facts["line"]["total"]:
            raise ApiFailed(f"The credit is {credit['amount']}, not the line's price.")
        self.facts["credit"] = credit
        self._say(f"credit {credit['number']}: {in_words(credit['amount'])}")

    def close_month(self) -> None:
        """The order is on a statement, so that its credit cannot be netted on the same one."""
        self._house.close_month()
        listed = self._api.get("/statements", self._cast.agent, limit="5")["items"]
        papers = [self._api.get(f"/statements/{item['id']}", self._cast.agent) for item in listed]
        wanted = self.facts["order_id"]
        holding = [p for p in papers if wanted in {line["order_id"] for line in p["lines"]}]
        if len(holding) != 1:
            raise ApiFailed("The order is not on one of the newest statements.")
        (statement,) = holding
        self.facts["statement"] = statement["number"]
        self._say(f"statement {statement['number']}: {in_words(statement['due'])} due")

    def check_credit_note(self) -> None:
        """What an accountant keeps."""
        self._house.close_month()
        credit = self._api.get(f"/credits/{self.facts['credit_id']}", self._cast.agent)
        path = f"/credit-notes/{credit['credit_note_id']}"
        note = self._api.get(path, self._cast.agent)
        noted = {line["credit_id"]: line["amount"] for line in note["lines"]}
        original = note["original"]["number"]
        if (noted.get(credit["id"]), original) != (credit["amount"], self.facts["statement"]):
            raise ApiFailed(f"Credit note {note['number']} does not take the order back.")
        self._say(f"credit note {note['number']} to {original}: {in_words(note['total'])}")
        self.facts["credit_note"] = note["number"]
        self._house.papers.mkdir(parents=True, exist_ok=True)
        for language in Language:
            file = self._house.papers / f"{note['number']}.{language}.pdf"
            file.write_bytes(self._api.read(f"{path}/document", self._cast.agent, lang=language))
            self._say(f"saved as {file}")

    def check_revoked(self) -> None:
        """The key and everything that opens with it."""
        item = self._api.get(self._item, self._cast.agent)
        code = self._api.refused(f"{self._item}/key-reveals", self._cast.agent, {})
        link = self._api.fetch(self.facts["link_url"]).status_code
        if (item["status"], item["keys"], code, link) != ("cancelled", [], "key_not_live", 404):
            raise ApiFailed("The cancelled item still gives something away.")
        self._say(
            f"item {item['status']}, still listed, without its key; reveal: {code}; link: {link}"
        )

    def check_ticket(self) -> None:
        """The case."""
        ticket = self._api.get(f"/tickets/{self.facts['ticket_id']}", self._cast.agent)
        if ticket["status"] != "closed":
            raise ApiFailed(f"The ticket is {ticket['status']}.")
        self._say(f"ticket {ticket['number']} closed at {ticket['closed_at']}")

    @property
    def _item(self) -> str:
        return f"/software/{self.facts['software_id']}"

    @property
    def _decisions(self) -> str:
        return f"/tickets/{self.facts['ticket_id']}/decisions"

    def _draft(self, sku: str, quantity: int) -> dict[str, Any]:
        return {
            "customer_id": self.facts["customer_id"],
            "currency": "EUR",
            "lines": [{"sku": sku, "quantity": quantity}],
            "reference": f"DEMO-{uuid.uuid4().hex[:12]}",
        }

    def _quote_at(self, software_id: str, **query: str) -> Any:
        return self._api.get(
            f"/software/{software_id}/cancellation-quote", self._cast.agent, **query
        )

    def _await_order(self, wanted: Callable[[Any], bool]) -> Any:
        def look() -> Any:
            orders = self._api.get("/orders", self._cast.agent)["items"]
            found = [order for order in orders if wanted(order)]
            return found[0] if found and found[0]["status"] == "fulfilled" else None

        return wait_for(look, "the order's fulfilment")

    def _await_case(self, reached: Callable[[Any], bool]) -> Any:
        def look() -> Any:
            case = self._api.get(
                f"/cancellations/{self.facts['cancellation_id']}", self._cast.agent
            )
            return case if reached(case) else None

        return wait_for(look, "the cancellation")

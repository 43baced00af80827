"""From a notice to a letter: templates filled with facts, never with secrets or contact data."""

import re
import textwrap
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from integrations.notifier.letter import Letter
from models.notice import NoticeKind
from models.outbox import DueNotice, Recipient

TEMPLATES = Path(__file__).parent / "templates"

_HEADER_MAX = 200
_LINE_WIDTH = 76
_JOINERS = "\u200c\u200d"
_LABELS = {
    "order_number": "Order",
    "customer_name": "Customer",
    "ticket_number": "Ticket",
    "product": "Product",
    "total": "Total",
    "requested": "Amount asked for",
    "credited": "Credit",
    "credit_number": "Credit number",
    "impact": "Impact",
}

# No effect puts these into facts; if one ever does by mistake, it does not leave the house.
_SECRET = re.compile(
    r"\b[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}\b"  # product keys
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # tokens
    r"|\S+@\S+"  # mail addresses
)


class Renderer:
    """Writes letters whose links lead to `public_url`; opening a link decides nothing, one signs in there first."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=lambda name: name is not None and name.endswith(".html.j2"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.filters |= {
            "instant": _instant,
            "sentence": _sentence,
            "wrapped": _wrapped,
        }

    def write(self, notice: DueNotice, recipient: Recipient) -> Letter:
        """The letter for one person; raises jinja2.TemplateError or ValueError when the facts do not suffice."""
        kind = NoticeKind(notice.kind)
        facts = {name: _shown(value) for name, value in notice.facts.items()}
        context = facts | {
            "recipient_name": _shown(recipient.name),
            "details": _details(facts),
            "link_name": _link_name(notice),
            "link": self._link(notice),
        }
        return Letter(
            message_id=notice.id,
            number=notice.number,
            kind=kind,
            written_at=notice.created_at.astimezone(UTC),
            to=recipient.email,
            to_name=_cut(context["recipient_name"]),
            subject=_cut(self._fill(f"{kind}.subject.j2", context).strip()),
            text=self._fill(f"{kind}.txt.j2", context),
            html=self._fill(f"{kind}.html.j2", context),
        )

    def _fill(self, template: str, context: dict[str, Any]) -> str:
        return self._environment.get_template(template).render(context)

    def _link(self, notice: DueNotice) -> str:
        if endpoint_id := notice.facts.get("endpoint_id"):
            return f"{self._public_url}/api/v1/endpoints/{endpoint_id}"
        ticket_id = notice.facts.get("ticket_id")
        resource = (
            f"tickets/{quote(str(ticket_id), safe='')}"
            if ticket_id
            else f"orders/{notice.order_id}"
        )
        return f"{self._public_url}/api/v1/{resource}"


def _link_name(notice: DueNotice) -> str:
    if notice.facts.get("endpoint_id"):
        return "The endpoint"
    return "The ticket" if notice.facts.get("ticket_id") else "The order"


def _details(facts: dict[str, Any]) -> list[tuple[str, Any]]:
    """What identifies the case, for the list at the letter's end."""
    known = ((label, facts.get(name)) for name, label in _LABELS.items())
    return [(label, value) for label, value in known if value is not None]


def _shown(value: Any) -> Any:
    """A fact as one visible line: no line breaks, control or direction characters, and nothing secret."""
    if isinstance(value, list):
        return ", ".join(str(_shown(item)) for item in value)
    if not isinstance(value, str):
        return value
    visible = "".join(c if _visible(c) else " " for c in value)
    return _SECRET.sub("[removed]", " ".join(visible.split()))


def _visible(character: str) -> bool:
    return unicodedata.category(character)[0] != "C" or character in _JOINERS


def _cut(text: str) -> str:
    """At most what a header line may hold."""
    return text if len(text) <= _HEADER_MAX else f"{text[: _HEADER_MAX - 1]}…"


def _instant(text: str) -> str:
    """An ISO 8601 instant for people, exact and in UTC, since a mail does not know its reader's zone."""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return f"{moment:%A} {moment.day} {moment:%B %Y, %H:%M:%S} UTC"


def _sentence(text: str) -> str:
    """A reason as a sentence, whether or not it came as one."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _wrapped(text: str) -> str:
    """One paragraph per source paragraph, in lines that fit a mail window."""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return "\n\n".join(
        textwrap.fill(part, _LINE_WIDTH, break_long_words=False, break_on_hyphens=False)
        for part in paragraphs
        if part
    )

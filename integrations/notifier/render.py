"""From a notice to a letter: templates filled with facts, never with secrets or contact data."""

import re
import textwrap
from datetime import UTC
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from integrations.notifier.letter import Letter
from integrations.notifier.reading import Reading, visible
from integrations.notifier.words import Words
from models.notice import NoticeKind
from models.outbox import DueNotice, Recipient

TEMPLATES = Path(__file__).parent / "templates"

_HEADER_MAX = 200
_LINE_WIDTH = 76
_BLANKS = re.compile(r"[^\S\xa0]+")
"""White space but for the blank that must not break, as within an amount."""


class Renderer:
    """Writes letters whose links lead to `public_url`; opening a link decides nothing, one signs in there first.

    A kind has one template for each language. It is filled twice, into the layouts of text and of HTML.
    """

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")
        self._text = _environment(_plain, autoescape=False)
        self._html = _environment(_strong, autoescape=True)

    def write(
        self, notice: DueNotice, recipient: Recipient, invitation: str | None = None
    ) -> Letter:
        """The letter for one person; where there is an invitation, it leads to that one's page.

        Raises jinja2.TemplateError or ValueError when the facts do not suffice.
        """
        kind = NoticeKind(notice.kind)
        reading = Reading(recipient)
        context = self._context(notice, recipient, reading, invitation)
        template = f"{reading.language}/{kind}.j2"

        def fill(environment: ImmutableSandboxedEnvironment, layout: str) -> str:
            return environment.get_template(template).render(context, layout=layout)

        subject = _cut(" ".join(_BLANKS.split(fill(self._text, "subject.j2").strip())))
        context["subject"] = subject
        return Letter(
            message_id=notice.id,
            thread=notice.facts.get("ticket_id") or notice.order_id,
            number=notice.number,
            kind=kind,
            language=reading.language,
            written_at=notice.created_at.astimezone(UTC),
            to=recipient.email,
            to_name=_cut(context["recipient_name"]),
            subject=subject,
            text=fill(self._text, "letter.txt.j2"),
            html=fill(self._html, "letter.html.j2"),
        )

    def _context(
        self, notice: DueNotice, recipient: Recipient, reading: Reading, invitation: str | None
    ) -> dict[str, Any]:
        facts = reading.facts(notice.facts)
        words = reading.words
        return facts | {
            "reading": reading,
            "words": words,
            "recipient_name": visible(recipient.name),
            "details": _details(facts, words.labels),
            **self._link(notice, words, invitation),
        }

    def _link(self, notice: DueNotice, words: Words, invitation: str | None) -> dict[str, str]:
        """Where the letter leads, and what that is called."""
        if invitation is not None:
            return {"link_name": words.decide, "link": f"{self._public_url}/decide/{invitation}"}
        facts = notice.facts
        if endpoint_id := facts.get("endpoint_id"):
            name, resource = words.open_endpoint, f"endpoints/{_in_path(endpoint_id)}"
        elif ticket_id := facts.get("ticket_id"):
            name, resource = words.open_ticket, f"tickets/{_in_path(ticket_id)}"
        else:
            name, resource = words.open_order, f"orders/{notice.order_id}"
        return {"link_name": name, "link": f"{self._public_url}/api/v1/{resource}"}


def _environment(strong: Any, *, autoescape: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "instant": _instant,
        "sentence": _sentence,
        "strong": strong,
        "wrapped": _wrapped,
    }
    return environment


def _in_path(name: str) -> str:
    return quote(str(name), safe="")


def _details(facts: dict[str, Any], labels: dict[str, str]) -> list[tuple[str, Any]]:
    """What identifies the case, for the list at the letter's end."""
    known = ((label, facts.get(name)) for name, label in labels.items())
    return [(label, value) for label, value in known if value is not None]


def _cut(text: str) -> str:
    """At most what a header line may hold."""
    return text if len(text) <= _HEADER_MAX else f"{text[: _HEADER_MAX - 1]}…"


def _plain(value: Any) -> str:
    return str(value)


def _strong(value: Any) -> Markup:
    return Markup("<strong>{}</strong>").format(value)


@pass_context
def _instant(context: Context, text: str) -> str:
    reading: Reading = context["reading"]
    return reading.instant(text)


def _sentence(text: str) -> str:
    """A reason as a sentence, whether or not it came as one."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _wrapped(text: str) -> str:
    """One paragraph per source paragraph, in lines that fit a mail window."""
    paragraphs = (" ".join(_BLANKS.split(part.strip())) for part in text.split("\n\n"))
    return "\n\n".join(
        textwrap.fill(part, _LINE_WIDTH, break_long_words=False, break_on_hyphens=False)
        for part in paragraphs
        if part
    )

"""A letter ready to go, and its form as an internet message."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Literal

from pydantic import AwareDatetime, Field

from models.base import Value
from models.notice import NoticeKind
from models.outlook import Language
from models.text import Identifier, Line
from models.ticket import Email

TransferEncoding = Literal["8bit", "quoted-printable"]


class Letter(Value):
    """One mail to one person; all of it is fixed by the outbox row, so that a second sending is the same mail.

    Letters of one `thread` stand together in a mail program, as if they answered the thing that they are about.
    """

    message_id: Identifier
    thread: Identifier | None = None
    number: int = Field(ge=0)
    kind: NoticeKind
    language: Language
    written_at: AwareDatetime
    to: Email
    to_name: Line
    subject: Line
    text: str
    html: str


def compose(letter: Letter, sender: str, encoding: TransferEncoding) -> EmailMessage:
    """The letter as text with an HTML alternative; header values that hold a line break cannot be set."""
    message = EmailMessage(policy=SMTP)
    domain = domain_of(sender)
    message["From"] = sender
    message["To"] = Address(display_name=letter.to_name, addr_spec=letter.to)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.written_at)
    message["Message-ID"] = f"<{letter.message_id}@{domain}>"
    if letter.thread is not None:
        message["In-Reply-To"] = message["References"] = f"<{letter.thread}@{domain}>"
    message["List-Id"] = f"Keydesk <notices.{domain}>"
    message["Content-Language"] = letter.language
    message["Auto-Submitted"] = "auto-generated"
    message["X-Keydesk-Notice"] = letter.kind
    message.set_content(letter.text, cte=encoding)
    message.add_alternative(letter.html, subtype="html", cte=encoding)
    message.set_boundary(f"={letter.message_id}=")
    return message


def domain_of(sender: str) -> str:
    """The part after the @ of `Name <address>`; it makes message ids ours."""
    return parseaddr(sender)[1].partition("@")[2] or "localhost"

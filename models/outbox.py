"""The outbox: a mail waiting to be sent, and what its delivery has done so far."""

from typing import Any

from pydantic import AwareDatetime, Field

from models.base import Message, Value
from models.notice import OutboxStatus
from models.notification import group_of
from models.outlook import Language


class Recipient(Value):
    """Whom a mail goes to and how they read, as the book knows them at the moment of sending.

    `time_zone` is a name of the IANA data base; None: nobody knows it, so instants are told in UTC alone.
    """

    name: str
    email: str
    language: Language = Language.ENGLISH
    time_zone: str | None = None


class DueNotice(Value):
    """One mail this process has claimed; `off` are the groups of notices that its reader left out.

    `recipient` is None when that person is no longer active.

    `kind` stays text: a mail that only a newer release knows must not keep an older one from claiming others.
    """

    id: str
    number: int
    kind: str
    order_id: str | None
    facts: dict[str, Any]
    created_at: AwareDatetime
    recipient: Recipient | None
    off: frozenset[str] = frozenset()

    @property
    def is_unwanted(self) -> bool:
        """Whether its reader chose not to be told such things."""
        return group_of(self.kind) in self.off


class SentNotice(Value):
    """A mail as people see it beside its case: to whom, and how it went; a name, never an address."""

    id: str
    number: int
    kind: str
    recipient_id: str | None
    recipient_name: str | None
    status: OutboxStatus
    attempts: int
    written_at: AwareDatetime
    next_attempt_at: AwareDatetime | None = Field(description="While it waits to be sent.")
    sent_at: AwareDatetime | None
    bounced_at: AwareDatetime | None
    last_error: str | None = Field(description="Why the last try did not reach its reader.")


class DeliveryReport(Message):
    """How many mails went out, were put off to a later try, were given up, and were not wanted."""

    sent: int = 0
    postponed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "DeliveryReport") -> "DeliveryReport":
        return DeliveryReport(
            sent=self.sent + other.sent,
            postponed=self.postponed + other.postponed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
        )

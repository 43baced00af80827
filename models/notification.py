"""Notifications as a person wants them: language, time zone, and which kinds of notices are left out."""

from enum import StrEnum
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from models.base import Value
from models.notice import NoticeKind
from models.outlook import Language
from models.text import Line


class NoticeGroup(StrEnum):
    """Notices that a person may do without; what is in no group is always sent."""

    APPROVALS = "approvals"
    REMINDERS = "reminders"
    PROGRESS = "progress"
    TICKETS = "tickets"
    STOCK = "stock"


GROUPS: dict[NoticeKind, NoticeGroup] = {
    NoticeKind.APPROVAL_NEEDED: NoticeGroup.APPROVALS,
    NoticeKind.APPROVAL_UNDONE: NoticeGroup.APPROVALS,
    NoticeKind.QUESTION_ANSWERED: NoticeGroup.APPROVALS,
    NoticeKind.REPLACEMENT_NEEDED: NoticeGroup.APPROVALS,
    NoticeKind.APPROVAL_REMINDER: NoticeGroup.REMINDERS,
    NoticeKind.REPLACEMENT_REMINDER: NoticeGroup.REMINDERS,
    NoticeKind.WINDOW_CLOSING: NoticeGroup.REMINDERS,
    NoticeKind.ORDER_FULFILLED: NoticeGroup.PROGRESS,
    NoticeKind.ORDER_FINAL: NoticeGroup.PROGRESS,
    NoticeKind.CANCELLATION_RECEIVED: NoticeGroup.PROGRESS,
    NoticeKind.CANCELLATION_WITHDRAWN: NoticeGroup.PROGRESS,
    NoticeKind.INQUIRY_OPENED: NoticeGroup.TICKETS,
    NoticeKind.INQUIRY_ANSWERED: NoticeGroup.TICKETS,
    NoticeKind.INQUIRY_RESOLVED: NoticeGroup.TICKETS,
    NoticeKind.TICKET_ASSIGNED: NoticeGroup.TICKETS,
    NoticeKind.STOCK_LOW: NoticeGroup.STOCK,
}
"""In no group: money, lost keys, what only the reader can answer, escalations and faults (ADR 27)."""


def group_of(kind: str) -> NoticeGroup | None:
    """The group of a notice; None for those that are always sent, and for kinds that only a newer release knows."""
    return GROUPS.get(NoticeKind(kind)) if kind in set(NoticeKind) else None


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("no time zone of the IANA data base, such as Europe/Prague")
    return name


class NotificationChoice(Value):
    """What a person chooses; the whole of it each time."""

    language: Language | None = Field(
        default=None, description="Of mails; left out, the partner's language, else English."
    )
    time_zone: Annotated[Line, AfterValidator(_known_zone)] | None = Field(
        default=None, description="IANA name; instants are then told in it, too, beside UTC."
    )
    off: frozenset[NoticeGroup] = Field(
        default=frozenset(), description="Groups of notices that are not sent."
    )


class Notifications(NotificationChoice):
    """A person's choice, and the language that it comes to."""

    mail_language: Language

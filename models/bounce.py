"""Bounces: what a mail server reports, minutes or days later, of a mail that it had taken over."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from models.base import Value


class BounceAction(StrEnum):
    """What became of the mail (RFC 3464 §2.3.3); the other actions say that it got on."""

    FAILED = "failed"
    DELAYED = "delayed"


class Bounce(Value):
    """A report about one of our mails; `addresses` are those that it names as the reader's, in lower case."""

    notice_id: str
    action: BounceAction
    code: Annotated[str, StringConstraints(pattern=r"^[245]\.\d{1,3}\.\d{1,3}$")]
    addresses: frozenset[str]


class BounceAnswer(StrEnum):
    """What a report did: the mail bounced, its delay was noted, that was known, or it is not about a mail of ours."""

    TAKEN = "taken"
    NOTED = "noted"
    KNOWN = "known"
    FOREIGN = "foreign"
    NO_REPORT = "no_report"

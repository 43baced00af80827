"""Invitations to decide: what the link in a mail to an approver stands for."""

from enum import StrEnum

from pydantic import AwareDatetime

from models.base import Value


class Invitation(Value):
    """One mail's call to decide one ticket as it stood then; for the person the mail went to, and for one decision.

    `revision` is that of the order when the mail was written.
    """

    notice_id: str
    user_id: str
    ticket_id: str
    cancellation_id: str
    order_id: str
    revision: int
    expires_at: AwareDatetime


class InvitationUse(Value):
    """An invitation together with the hash that its token is remembered by once it was used."""

    invitation: Invitation
    token_sha256: bytes


class InvitationState(StrEnum):
    """What an invitation is worth to whoever holds it."""

    OPEN = "open"
    FOR_ANOTHER = "for_another"
    USED = "used"
    EXPIRED = "expired"
    STALE = "stale"

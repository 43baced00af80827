"""Invitations: which mails call for a decision, and for how long."""

from datetime import datetime, timedelta

from models.invitation import Invitation, InvitationState
from models.notice import NoticeKind

LIFETIME = timedelta(days=14)
"""Reminders bring a fresh one, so this only bounds how long a forgotten mailbox is worth something."""

INVITING = frozenset(
    {
        NoticeKind.APPROVAL_NEEDED,
        NoticeKind.APPROVAL_REMINDER,
        NoticeKind.APPROVAL_ESCALATED,
        NoticeKind.QUESTION_ANSWERED,
    }
)
"""The mails that ask somebody to decide."""


def expires_at(written_at: datetime) -> datetime:
    """The first instant at which an invitation written then is no longer good."""
    return written_at + LIFETIME


def state_of(
    invitation: Invitation, *, reader_id: str, used: bool, revision: int, now: datetime
) -> InvitationState:
    """What it is worth to this reader now; `revision` is the one that the order has reached."""
    if reader_id != invitation.user_id:
        return InvitationState.FOR_ANOTHER
    if used:
        return InvitationState.USED
    if now >= invitation.expires_at:
        return InvitationState.EXPIRED
    if revision != invitation.revision:
        return InvitationState.STALE
    return InvitationState.OPEN

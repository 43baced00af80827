"""Invitations in the book: the token for the link in a mail, what it stands for, and its one use."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Row, Select, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from models.errors import Conflict
from models.ids import Prefix
from models.invitation import Invitation, InvitationUse
from models.notice import Channel
from models.tables.column import table
from models.tables.invitation import InvitationUseRow
from models.tables.record import EffectRow, OutboxRow
from models.tables.ticket import TicketRow
from rules.invitation import INVITING, expires_at

_ID_BYTES = 16
_MARK_BYTES = 16

_uses = table(InvitationUseRow)
_outbox = table(OutboxRow)
_effects = table(EffectRow)
_tickets = table(TicketRow)


class Marker(Protocol):
    """The part of a cipher that marks what only this house can have made."""

    def fingerprint(self, plaintext: str) -> bytes: ...


def invitation_token(connection: Connection, notice_id: str, marker: Marker) -> str | None:
    """The token that the link in this mail carries, the same at every sending; None if the mail asks for no decision.

    The link is `{public_url}/decide/{token}`. The token holds the notice's id and a keyed mark over
    everything that the invitation binds, so nothing about it is stored, and a changed row undoes it.
    """
    invitation = _invitation(connection, notice_id)
    if invitation is None:
        return None
    number = bytes.fromhex(notice_id.removeprefix(f"{Prefix.NOTICE}_"))
    return base64.urlsafe_b64encode(number + _mark(invitation, marker)).rstrip(b"=").decode("ascii")


def open_invitation(connection: Connection, token: str, marker: Marker) -> InvitationUse | None:
    """What the token stands for, whether or not it is still good; None for what is no token of ours."""
    number, mark = _parts(token)
    invitation = _invitation(connection, f"{Prefix.NOTICE}_{number.hex()}")
    if invitation is None or not hmac.compare_digest(mark, _mark(invitation, marker)):
        return None
    return InvitationUse(invitation=invitation, token_sha256=hashlib.sha256(number + mark).digest())


def decision_of_use(connection: Connection, use: InvitationUse) -> str | None:
    """The id of the attempt that the invitation was used for, if it was."""
    found: str | None = connection.execute(
        select(_uses.c.attempt_id).where(_uses.c.token_sha256 == use.token_sha256)
    ).scalar_one_or_none()
    return found


def use_invitation(
    connection: Connection, use: InvitationUse, attempt_id: str, at: datetime
) -> None:
    """Spend the invitation on an attempt noted in this transaction; Conflict if it was spent on another one."""
    connection.execute(
        upsert(_uses)
        .values(
            token_sha256=use.token_sha256,
            notice_id=use.invitation.notice_id,
            attempt_id=attempt_id,
            revision=use.invitation.revision,
            expires_at=use.invitation.expires_at,
            used_at=at,
        )
        .on_conflict_do_nothing()
    )
    if decision_of_use(connection, use) != attempt_id:
        raise invitation_used()


def invitation_used() -> Conflict:
    """What a second decision by one mail is told."""
    return Conflict("invitation_used", "This link was used for a decision already.")


def _invitation(connection: Connection, notice_id: str) -> Invitation | None:
    row = connection.execute(_notice().where(_outbox.c.id == notice_id)).one_or_none()
    return None if row is None else _from(row)


def _notice() -> Select[Any]:
    """A mail that asks for a decision, with its ticket and the effect that wrote it."""
    written_by = func.concat(_effects.c.key, "/", _outbox.c.kind, "/", _outbox.c.recipient_id)
    return (
        select(
            _outbox.c.id,
            _outbox.c.recipient_id,
            _outbox.c.order_id,
            _outbox.c.created_at,
            _tickets.c.id.label("ticket_id"),
            _tickets.c.cancellation_id,
            _effects.c.id.label("revision"),
        )
        .join(_tickets, _tickets.c.id == _outbox.c.facts["ticket_id"].astext)
        .join(
            _effects,
            (_effects.c.order_id == _outbox.c.order_id) & (written_by == _outbox.c.dedupe_key),
        )
        .where(
            _outbox.c.channel == Channel.MAIL,
            _outbox.c.kind.in_(sorted(INVITING)),
            _tickets.c.cancellation_id.is_not(None),
        )
    )


def _from(row: Row[Any]) -> Invitation:
    return Invitation(
        notice_id=row.id,
        user_id=row.recipient_id,
        ticket_id=row.ticket_id,
        cancellation_id=row.cancellation_id,
        order_id=row.order_id,
        revision=row.revision,
        expires_at=expires_at(row.created_at),
    )


def _mark(invitation: Invitation, marker: Marker) -> bytes:
    """128 bits that nobody without the ring can make for another notice, person, ticket, revision or time."""
    bound = (
        invitation.notice_id,
        invitation.user_id,
        invitation.ticket_id,
        str(invitation.revision),
        invitation.expires_at.isoformat(),
    )
    return marker.fingerprint("\0".join(("keydesk/v1/invitation", *bound)))[:_MARK_BYTES]


def _parts(token: str) -> tuple[bytes, bytes]:
    """The notice's number and the mark; empty ones for what cannot be read."""
    padding = "=" * (-len(token) % 4)
    try:
        raw = base64.b64decode(token + padding, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return b"", b""
    return raw[:_ID_BYTES], raw[_ID_BYTES:]

"""Invitations at the door: what the link in a mail is worth to whoever opened it."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from models.errors import NotFound
from models.invitation import InvitationState, InvitationUse
from models.principal import Principal
from rules.invitation import state_of
from storage.engine import Database
from storage.invitation import Marker, decision_of_use, open_invitation
from storage.revision import revision_of


class OpenedInvitation(NamedTuple):
    """An invitation of ours, and what it is worth to its reader now."""

    use: InvitationUse
    state: InvitationState


class InvitationDesk:
    """Looks at invitations and changes nothing: only a decision uses one up, in its own transaction."""

    def __init__(self, database: Database, marker: Marker, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._marker = marker
        self._clock = clock

    async def open(self, token: str, reader: Principal) -> OpenedInvitation:
        """NotFound for what is no token of ours."""
        return await run_in_threadpool(self._open, token, reader)

    def _open(self, token: str, reader: Principal) -> OpenedInvitation:
        with self._database.reading() as connection:
            use = open_invitation(connection, token, self._marker)
            if use is None:
                raise NotFound("link")
            state = state_of(
                use.invitation,
                reader_id=reader.user_id,
                used=decision_of_use(connection, use) is not None,
                revision=revision_of(connection, use.invitation.order_id),
                now=self._clock(),
            )
        return OpenedInvitation(use, state)

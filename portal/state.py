"""What every door works with: the parts that portal/app.py put together, and how a route gets them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

from fastapi import Depends, Request
from sqlalchemy import Connection

from integrations.secret_files import EventSecrets
from models.pattern import PatternThresholds
from portal.attachment import AttachmentDesk
from portal.desk import Desk
from portal.download import DownloadDesk
from portal.endpoint import EndpointDesk
from portal.invitation import InvitationDesk
from portal.journey import JourneyCookies
from portal.metrics import Metrics
from portal.relay import Relay
from portal.reveal import RevealDesk
from portal.revocation import RevocationDesk
from portal.session import SessionDesk
from portal.sign_in import SignInDesk
from storage.engine import Database


class TokenReader(Protocol):
    """How a bearer token becomes a user of ours."""

    def subject(self, token: str | None, now: datetime) -> str:
        """Whom the token names; Unauthenticated unless it is valid now."""
        ...

    def user_id(self, connection: Connection, subject: str) -> str | None:
        """The user whom the book knows under that name."""
        ...


@dataclass(frozen=True)
class PortalState:
    """The composed portal."""

    database: Database
    desk: Desk
    reveals: RevealDesk
    downloads: DownloadDesk
    attachments: AttachmentDesk
    revocations: RevocationDesk
    endpoints: EndpointDesk
    relay: Relay
    event_secrets: EventSecrets
    tokens: TokenReader
    sessions: SessionDesk
    invitations: InvitationDesk
    journeys: JourneyCookies
    sign_in: SignInDesk
    metrics: Metrics
    public_url: str
    temporal_ui_url: str | None
    low_stock: int
    pattern: PatternThresholds
    clock: Callable[[], datetime]


def state_of(request: Request) -> PortalState:
    """The state of the app that serves this request."""
    state: PortalState = request.app.state.portal
    return state


State = Annotated[PortalState, Depends(state_of)]

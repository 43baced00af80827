"""Who is calling: a bearer token becomes a principal, read from the book at this act, and may or may not do it."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from models.errors import KeydeskError, Unauthenticated
from models.principal import Principal
from portal.state import PortalState, state_of
from portal.token import Provider, verify, verify_oidc
from portal.visit import visit_of
from rules.permission import Act, require
from storage.principal import principal_of, user_of_subject

BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="`keydesk token --as admin-agent` prints one in development; "
    "in production the OpenID provider issues it.",
)


class DevTokens:
    """Tokens of our own: they name a user id."""

    def __init__(self, secret: SecretStr) -> None:
        self._secret = secret

    def subject(self, token: str | None, now: datetime) -> str:
        """The user id in a token that is valid now."""
        return verify(self._secret, token, now)

    def user_id(self, connection: Connection, subject: str) -> str | None:
        """The subject is the user id."""
        del connection
        return subject


class OidcTokens:
    """Tokens of an OpenID provider: they name its subject."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def subject(self, token: str | None, now: datetime) -> str:
        """The provider's subject in a token that is valid now."""
        return verify_oidc(self._provider, token, now)

    def user_id(self, connection: Connection, subject: str) -> str | None:
        """The user whom the provider calls so."""
        return user_of_subject(connection, subject)


class Permission:
    """What a route asks of its caller: that one of their roles allows the act."""

    def __init__(self, act: Act) -> None:
        self.act = act


class Allow(Permission):
    """A dependency of API routes: the caller whom a bearer token names. A cookie is worth nothing here."""

    async def __call__(
        self,
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
    ) -> Principal:
        """The principal; the door has usually asked already, before it read the body."""
        return await self.admit(request, credentials)

    async def admit(
        self, request: Request, credentials: HTTPAuthorizationCredentials | None
    ) -> Principal:
        """Unauthenticated, Forbidden, or the principal, remembered for the rest of this request."""
        visit = visit_of(request)
        if visit.principal is None:
            token = credentials.credentials if credentials else None
            visit.principal = await run_in_threadpool(_identify, state_of(request), token)
        require(visit.principal, self.act)
        return visit.principal


class SignedIn(Permission):
    """A dependency of pages: the person of the browser's session, whom the page's door has found before."""

    def __call__(self, request: Request) -> Principal:
        """SignInNeeded, Forbidden, or the principal."""
        principal = visit_of(request).principal
        if principal is None:
            raise SignInNeeded
        require(principal, self.act)
        return principal


class SignInNeeded(KeydeskError):
    """A page that is for somebody was asked for by nobody; they are led to the sign-in page."""

    http_status = 401

    def __init__(self) -> None:
        super().__init__("sign_in_needed", "Sign in to go on.")


def signed_in(act: Act) -> Any:
    """`reader: Annotated[Principal, signed_in(Act.READ_TICKET)]`: how a page says who may."""
    return Depends(SignedIn(act))


def allow(act: Act) -> Any:
    """`caller: Annotated[Principal, allow(Act.READ_ORDER)]`: how a route says who may."""
    return Depends(Allow(act))


def _public() -> None:
    """Nothing to check."""


PUBLIC = Depends(_public)
"""`dependencies=[PUBLIC]`: the explicit mark of a route that asks nobody who they are."""


def is_public(call: object) -> bool:
    """Whether a route's dependency is that mark."""
    return call is _public


def _identify(state: PortalState, token: str | None) -> Principal:
    subject = state.tokens.subject(token, state.clock())
    with state.database.reading() as connection:
        user_id = state.tokens.user_id(connection, subject)
        principal = principal_of(connection, user_id) if user_id else None
    if principal is None:
        raise Unauthenticated("user_unknown", "The token names nobody who may come in.")
    return principal

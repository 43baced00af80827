"""The composition root of the portal: settings → database, Temporal, desks, secrets → every door in one app."""

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from fastapi import FastAPI

from integrations.cipher.ring import RingCipher
from integrations.openid import Client, OpenIdProvider
from integrations.secret_files import Secrets, ensure_secrets
from integrations.signer import Signer
from integrations.temporal import connect
from integrations.webhook.address import Resolver
from models.errors import KeydeskError
from models.session import SessionTerms
from portal import openapi, problems
from portal.attachment import AttachmentDesk
from portal.auth import DevTokens, OidcTokens
from portal.desk import Desk
from portal.download import DownloadDesk
from portal.endpoint import EndpointDesk
from portal.frame import Frame
from portal.invitation import InvitationDesk
from portal.journey import JourneyCookies
from portal.metrics import Metrics
from portal.relay import Relay
from portal.relaying import relaying
from portal.reveal import RevealDesk
from portal.revocation import RevocationDesk
from portal.routes import ROUTERS
from portal.session import SessionDesk
from portal.shelf import open_attachments, open_shelf
from portal.sign_in import RETURN, SignInDesk
from portal.state import PortalState, TokenReader
from portal.token import read_provider
from rules.loopback import is_loopback
from settings import AuthKind, Mode, Settings, load
from storage.engine import Database
from storage.reveal import Allowance

_IDENTITY = "keydesk-portal"


def now() -> datetime:
    """The clock of every door."""
    return datetime.now(UTC)


def create_app(
    settings: Settings | None = None, *, clock: Callable[[], datetime] = now, relay: bool = True
) -> FastAPI:
    """The portal; its parts are put together when it starts, so that making it needs no neighbour."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state = await compose(settings or load(), metrics, clock)
        app.state.portal = state
        async with relaying(state.relay, wanted=relay):
            yield
        state.database.close()
        del app.state.portal, state
        # On Python 3.11 a Temporal client that outlives the loop can abort the interpreter at exit.
        gc.collect()

    app = FastAPI(
        title="Keydesk",
        version=openapi.VERSION,
        summary="Sells on-premises software on behalf of customers and takes it back.",
        description=openapi.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        redirect_slashes=False,
        lifespan=lifespan,
    )
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    openapi.install(app)
    app.add_middleware(Frame, metrics=metrics)
    return app


async def compose(
    settings: Settings, metrics: Metrics, clock: Callable[[], datetime]
) -> PortalState:
    """Every part of the portal; nothing here waits for PostgreSQL or Temporal to be there."""
    if settings.database_url is None:
        raise KeydeskError(
            "database_unset", "There is no database: run `keydesk up`, or set KEYDESK_DATABASE_URL."
        )
    secrets = ensure_secrets(settings)
    database = Database(settings.database_url)
    client = await connect(
        settings.temporal_address, settings.temporal_namespace, identity=_IDENTITY, lazy=True
    )
    desk = Desk(database, client, settings.task_queue)
    cipher = RingCipher(secrets.key_ring)
    files = open_shelf(settings)
    public_url = settings.public_url or f"http://{settings.host}:{settings.port}"
    allowance = Allowance(settings.reveals_per_user_hourly, settings.reveals_per_partner_daily)
    return PortalState(
        database=database,
        desk=desk,
        reveals=RevealDesk(database, cipher, allowance, clock),
        downloads=DownloadDesk(database, cipher, files, public_url, clock),
        attachments=AttachmentDesk(
            database, open_attachments(settings), settings.attachment_bytes, clock
        ),
        revocations=RevocationDesk(database, cipher, Signer(secrets.revocation_ring), clock),
        endpoints=EndpointDesk(
            database, cipher, Resolver(private_allowed=settings.mode is Mode.DEVELOPMENT)
        ),
        relay=Relay(desk, outside_desk=settings.rt_url is not None),
        event_secrets=secrets.event_secrets,
        tokens=_tokens(settings, secrets),
        invitations=InvitationDesk(database, cipher, clock),
        sessions=_sessions(settings, database, public_url, clock),
        journeys=JourneyCookies(cipher, secure=_is_secure(settings, public_url)),
        sign_in=SignInDesk(
            database,
            clock,
            development=settings.auth is AuthKind.DEV and is_loopback(settings.host),
            provider=_provider(settings, public_url),
            roles=settings.oidc_roles if settings.oidc_roles_claim else None,
        ),
        metrics=metrics,
        public_url=public_url,
        temporal_ui_url=_ui_url(settings),
        low_stock=settings.low_stock,
        pattern=settings.pattern,
        clock=clock,
    )


def _tokens(settings: Settings, secrets: Secrets) -> TokenReader:
    if settings.auth is AuthKind.DEV:
        assert secrets.token_secret is not None, "development makes its token secret"
        return DevTokens(secrets.token_secret)
    if settings.oidc_issuer is None or settings.oidc_jwks_file is None:
        raise KeydeskError(
            "oidc_incomplete",
            "KEYDESK_AUTH=oidc needs KEYDESK_OIDC_ISSUER and KEYDESK_OIDC_JWKS_FILE.",
        )
    provider = read_provider(settings.oidc_jwks_file, settings.oidc_issuer, settings.oidc_audience)
    return OidcTokens(provider)


def _sessions(
    settings: Settings, database: Database, public_url: str, clock: Callable[[], datetime]
) -> SessionDesk:
    terms = SessionTerms(
        idle=timedelta(minutes=settings.session_idle_minutes),
        absolute=timedelta(hours=settings.session_hours),
    )
    return SessionDesk(database, terms, clock, secure=_is_secure(settings, public_url))


def _is_secure(settings: Settings, public_url: str) -> bool:
    """Whether cookies are for TLS only: everywhere but on a development portal's own plain loopback."""
    public = urlsplit(public_url)
    plain = public.scheme == "http" and is_loopback(public.hostname)
    return not (settings.mode is Mode.DEVELOPMENT and plain)


def _provider(settings: Settings, public_url: str) -> OpenIdProvider | None:
    """The provider that pages send people to; a portal without pages for people needs none."""
    if settings.auth is AuthKind.DEV or not settings.oidc_client_id:
        return None
    assert settings.oidc_issuer is not None, "checked with the tokens"
    client = Client(
        settings.oidc_client_id,
        settings.oidc_client_secret,
        redirect_uri=f"{public_url}{RETURN}",
        scope=settings.oidc_scope,
    )
    return OpenIdProvider(settings.oidc_issuer, client, settings.oidc_roles_claim)


def _ui_url(settings: Settings) -> str | None:
    if settings.temporal_ui_url or settings.temporal_address is not None:
        return settings.temporal_ui_url
    return f"http://{settings.host}:{settings.temporal_ui_port}"

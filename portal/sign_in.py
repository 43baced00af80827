"""Signing in: who may vouch for a person here, and how often somebody may try."""

from collections.abc import Callable, Mapping
from datetime import datetime

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool

from integrations.openid import OpenIdProvider, refused
from models.errors import Forbidden, NotFound, Throttled
from models.principal import Acquaintance, Role
from models.sign_in import Arrival, Journey
from rules.loopback import is_loopback
from storage.engine import Database
from storage.principal import acquaintances, user_of_subject
from storage.role import bring_roles

RETURN = "/sign-in/return"
"""Where the provider sends people back to, exactly."""

_TRIES = RateLimitItemPerMinute(20)
_MINUTE_S = 60


class SignInDesk:
    """`development` is true only with KEYDESK_AUTH=dev on a portal that listens on loopback alone.

    `roles` says which role of ours a role of the provider's is; empty, the provider gives none.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        *,
        development: bool,
        provider: OpenIdProvider | None = None,
        roles: Mapping[str, Role] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._development = development
        self._provider = provider
        self._roles = dict(roles or {})
        self._pace = MovingWindowRateLimiter(MemoryStorage())

    def offers_people(self, request: Request) -> bool:
        """Whether this browser may simply name who it is: asked of this machine, from this machine."""
        here = is_loopback(request.client.host if request.client else None)
        return self._development and here and is_loopback(request.url.hostname)

    @property
    def offers_provider(self) -> bool:
        """Whether an OpenID provider vouches for people here."""
        return self._provider is not None

    def is_offered(self, request: Request) -> bool:
        """Whether there is any way to sign in from here."""
        return self.offers_provider or self.offers_people(request)

    async def depart(self, request: Request, going_on: str) -> tuple[Journey, str]:
        """A journey to the provider, and the address it begins with; NotFound where there is no provider."""
        provider = self._known_provider(request)
        now = self._clock()
        journey = provider.depart(now, going_on)
        return journey, await run_in_threadpool(provider.address, journey, now)

    async def arrive(self, request: Request, journey: Journey | None) -> str:
        """The user who came back; Unauthenticated or Forbidden unless the provider and the book both know them."""
        provider = self._known_provider(request)
        if journey is None:
            raise refused()
        now = self._clock()
        query = dict(request.query_params)
        arrival = await run_in_threadpool(provider.arrive, journey, query, now)
        return await run_in_threadpool(self._welcome, arrival, now)

    def _known_provider(self, request: Request) -> OpenIdProvider:
        self.count_try(request)
        if self._provider is None:
            raise NotFound("page")
        return self._provider

    def _welcome(self, arrival: Arrival, now: datetime) -> str:
        with self._database.reading() as connection:
            user_id = user_of_subject(connection, arrival.subject)
        if user_id is None:
            raise Forbidden("user_unknown", "You are signed in, but nobody here knows you.")
        if self._roles:
            bring_roles(
                self._database,
                user_id,
                given=frozenset(self._roles[r] for r in arrival.roles if r in self._roles),
                governed=frozenset(self._roles.values()),
                at=now,
            )
        return user_id

    async def people(self, request: Request) -> list[Acquaintance]:
        """Everybody whom a development portal knows; NotFound anywhere else."""
        if not self.offers_people(request):
            raise NotFound("page")

        def read() -> list[Acquaintance]:
            with self._database.reading() as connection:
                return acquaintances(connection)

        return await run_in_threadpool(read)

    async def named(self, request: Request, user_id: str) -> Acquaintance:
        """The person of that name in development; NotFound for anybody else, and anywhere else."""
        self.count_try(request)
        for person in await self.people(request):
            if person.user_id == user_id:
                return person
        raise NotFound("person")

    def count_try(self, request: Request) -> None:
        """Throttled when one address tries too often; the count is this process's own."""
        address = request.client.host if request.client else ""
        if not self._pace.hit(_TRIES, address):
            raise Throttled(
                "too_many_sign_ins",
                "Too many tries to sign in; wait a minute.",
                retry_after_s=_MINUTE_S,
            )

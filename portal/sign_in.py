"""Signing in: who may vouch for a person here, and how often somebody may try."""

from collections.abc import Callable
from datetime import datetime

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool

from models.errors import NotFound, Throttled
from models.principal import Acquaintance
from portal.loopback import is_loopback
from storage.engine import Database
from storage.principal import acquaintances

_TRIES = RateLimitItemPerMinute(20)
_MINUTE_S = 60


class SignInDesk:
    """`development` is true only with KEYDESK_AUTH=dev on a portal that listens on loopback alone."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], *, development: bool
    ) -> None:
        self._database = database
        self._clock = clock
        self._development = development
        self._pace = MovingWindowRateLimiter(MemoryStorage())

    def offers_people(self, request: Request) -> bool:
        """Whether this browser may simply name who it is: asked of this machine, from this machine."""
        here = is_loopback(request.client.host if request.client else None)
        return self._development and here and is_loopback(request.url.hostname)

    def is_offered(self, request: Request) -> bool:
        """Whether there is any way to sign in from here."""
        return self.offers_people(request)

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

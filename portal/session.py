"""Sessions of browsers as the pages use them: a secret in a cookie, everything else in the book."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from models.session import Seat, Session, SessionTerms, SignInMethod
from rules.session import device_of
from storage import session
from storage.engine import Database

_SECRET_BYTES = 32
_PLAIN_NAME = "keydesk-session"
_HOST_NAME = f"__Host-{_PLAIN_NAME}"
"""Browsers take a cookie of this prefix only from this very host, over TLS, for all its paths."""


class SessionDesk:
    """Begins, finds and ends sessions; `secure` is false only for a development portal on plain loopback HTTP."""

    def __init__(
        self,
        database: Database,
        terms: SessionTerms,
        clock: Callable[[], datetime],
        *,
        secure: bool,
    ) -> None:
        self._database = database
        self._terms = terms
        self._clock = clock
        self.secure = secure
        self.cookie = _HOST_NAME if secure else _PLAIN_NAME

    async def find(self, request: Request) -> Seat | None:
        """Who sits at this browser, by the book as it stands now."""
        presented = self._presented(request)
        if presented is None:
            return None
        return await run_in_threadpool(
            session.find_seat, self._database, presented, self._clock(), self._terms
        )

    async def begin(
        self, request: Request, response: Response, user_id: str, method: SignInMethod
    ) -> None:
        """Sign somebody in under a new secret; the session that this browser came with ends."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        await run_in_threadpool(
            session.start_session,
            self._database,
            secret_sha256=_hash(secret),
            user_id=user_id,
            method=method,
            device=device_of(request.headers.get("user-agent", "")),
            at=self._clock(),
            terms=self._terms,
            replaces=self._presented(request),
        )
        response.set_cookie(
            self.cookie, secret, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    async def open_ones(self, user_id: str) -> list[Session]:
        """Where a person is signed in, the newest first."""

        def read() -> list[Session]:
            with self._database.reading() as connection:
                return session.sessions_of(connection, user_id, self._clock(), self._terms)

        return await run_in_threadpool(read)

    async def end(self, user_id: str, session_id: str) -> None:
        """End one of a person's own; NotFound for any other."""
        await run_in_threadpool(
            session.end_session, self._database, user_id, session_id, self._clock()
        )

    async def end_all(self, user_id: str) -> None:
        """End all of a person's, here and everywhere."""
        await run_in_threadpool(session.end_sessions, self._database, user_id, self._clock())

    def forget(self, response: Response) -> None:
        """Let the browser drop its cookie."""
        response.delete_cookie(
            self.cookie, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def _presented(self, request: Request) -> bytes | None:
        secret = request.cookies.get(self.cookie)
        return _hash(secret) if secret else None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()

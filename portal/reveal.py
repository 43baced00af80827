"""Showing a product key: role, scope and pace are checked, the fact is committed, then the key is opened."""

from collections.abc import Callable
from datetime import datetime

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool

from integrations.cipher.protocol import Cipher
from models.cipher import Sealed
from models.principal import Principal
from models.product_key import RevealedKey, RevealRequest
from models.receipt import Receipt
from rules.permission import Act, require
from storage import reveal
from storage.engine import Database
from storage.reveal import Allowance, Reveal

_TRIES = RateLimitItemPerMinute(30)
_MINUTE_S = 60


class RevealDesk:
    """The one place that opens keys; the process's own pace comes first, the book's count decides."""

    def __init__(
        self,
        database: Database,
        cipher: Cipher,
        allowance: Allowance,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._allowance = allowance
        self._clock = clock
        self._pace = MovingWindowRateLimiter(MemoryStorage())

    async def reveal_key(
        self, software_id: str, request: RevealRequest, receipt: Receipt, principal: Principal
    ) -> RevealedKey:
        """Show one working key; the same receipt again shows it again and records nothing more."""
        require(principal, Act.REVEAL_KEY)
        if not self._pace.hit(_TRIES, principal.user_id):
            raise reveal.too_many_reveals(_MINUTE_S)
        return await run_in_threadpool(
            self._reveal, software_id, request, receipt.resource_id, principal
        )

    def _reveal(
        self, software_id: str, request: RevealRequest, reveal_id: str, principal: Principal
    ) -> RevealedKey:
        recorded = reveal.reveal_key(
            self._database,
            request,
            software_id,
            reveal_id,
            principal,
            self._clock(),
            self._allowance,
        )
        sealed, holder = self._sealed(recorded)
        return RevealedKey(
            id=recorded.key_id,
            product_key=self._cipher.open(sealed, recorded.key_id, holder),
            reveal_id=reveal_id,
        )

    def _sealed(self, recorded: Reveal) -> tuple[Sealed, str]:
        with self._database.reading() as connection:
            return reveal.sealed_key(connection, recorded.key_id)

"""Idempotency-Key: the receipt a POST gets once its body is known to be well-formed, before anything is done."""

import hashlib
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from starlette.concurrency import run_in_threadpool

from models.ids import Prefix
from models.receipt import Receipt
from portal.state import State, state_of
from portal.strict_json import canonical
from portal.visit import visit_of
from storage.receipt import take_receipt

HEADER = "Idempotency-Key"

Key = Annotated[
    str,
    Header(
        alias=HEADER,
        pattern=r"^[!-~]{1,255}$",
        description="1–255 visible ASCII characters, new for every new request. The same key with "
        "the same body again is the same request: it is done once, and the first try's time counts.",
    ),
]


class TakeReceipt:
    """Called by a route when it begins to act: a body that was refused as malformed uses up no key."""

    def __init__(self, request: Request, key: str, prefix: Prefix) -> None:
        self._request = request
        self._key = key
        self._prefix = prefix

    async def __call__(self, body_sha256: bytes | None = None) -> Receipt:
        """The receipt of this request; of its first try, if it was tried before. Who streamed the body has its hash."""
        state, visit = state_of(self._request), visit_of(self._request)
        assert visit.principal is not None, "a route that takes receipts names an act"
        receipt = await run_in_threadpool(
            take_receipt,
            state.database,
            principal_id=visit.principal.user_id,
            route=f"{self._request.method} {self._request.url.path}",
            key=self._key,
            body_sha256=body_sha256 or await _fingerprint(self._request),
            prefix=self._prefix,
            at=state.clock(),
        )
        visit.replayed = not receipt.first
        return receipt


class _Taking:
    def __init__(self, prefix: Prefix) -> None:
        self._prefix = prefix

    def __call__(self, request: Request, state: State, key: Key) -> TakeReceipt:
        del state
        return TakeReceipt(request, key, self._prefix)


def idempotent(prefix: Prefix) -> Any:
    """`take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ORDER)]`, then `await take_receipt()`."""
    return Depends(_Taking(prefix))


async def _fingerprint(request: Request) -> bytes:
    """The same for the same value: a client that serialises anew for its retry still says the same thing."""
    raw = await request.body()
    is_json = raw and request.headers.get("content-type", "").startswith("application/json")
    return hashlib.sha256(canonical(await request.json()) if is_json else raw).digest()

"""The body of a download: read in pieces off the loop, counted as it leaves, and its end told exactly once."""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import BinaryIO

import anyio
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from portal.byte_range import ByteRange

PIECE_BYTES = 1024 * 1024

log = structlog.get_logger()


class CorruptFile(Exception):
    """The bytes on the shelf are not those of the catalogue; breaking off tells the client so."""


class Transfer(StreamingResponse):
    """Streams one part of a file in flat memory; a whole file is hashed on the way, its end held back till it fits.

    `first` is the piece that was read to see that the file can be had at all. `ended` hears how many
    bytes were handed on, also when the client goes away or the shelf fails.
    """

    def __init__(
        self,
        stream: BinaryIO,
        part: ByteRange,
        first: bytes,
        *,
        sha256: str | None,
        ended: Callable[[int], None],
        status_code: int,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(self._pieces(first), status_code=status_code, headers=headers)
        self._stream = stream
        self._left = part.length
        self._sha256 = sha256
        self._digest = hashlib.sha256()
        self._ended = ended
        self._served = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and tell the end whatever it was."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._close)

    async def _pieces(self, piece: bytes) -> AsyncIterator[bytes]:
        while piece:
            self._left -= len(piece)
            following = await run_in_threadpool(self._after, piece)
            yield piece
            self._served += len(piece)
            piece = following

    def _after(self, piece: bytes) -> bytes:
        """The piece after this one; the last one is let go only if everything fits the hash."""
        if self._sha256 is not None:
            self._digest.update(piece)
        if self._left:
            following = self._stream.read(min(PIECE_BYTES, self._left))
            if following:
                return following
        elif self._sha256 in (None, self._digest.hexdigest()):
            return b""
        log.error("file_corrupt", sha256=self._sha256, missing_bytes=self._left)
        raise CorruptFile

    def _close(self) -> None:
        self._stream.close()
        self._ended(self._served)

"""The relay beside the doors: what comes in is handed on at once, and looked after while the portal runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from portal.relay import Relay

_PAUSE_S = 1.0
_GRACE_S = 2.0

log = structlog.get_logger()


@asynccontextmanager
async def relaying(relay: Relay, *, wanted: bool) -> AsyncIterator[None]:
    """Run the relay for the length of the block; a worker runs one too, and they share the work."""
    if not wanted:
        yield
        return
    stop = asyncio.Event()
    task = asyncio.create_task(_keep_running(relay, stop))
    try:
        yield
    finally:
        stop.set()
        # What it holds when the time is up comes back by its lease.
        await asyncio.wait([task], timeout=_GRACE_S)
        task.cancel()


async def _keep_running(relay: Relay, stop: asyncio.Event) -> None:
    """A fault in one round must not leave every later event lying."""
    while not stop.is_set():
        try:
            await relay.run(stop)
        except Exception as error:
            log.error("relay_failed", error=type(error).__name__)
            await asyncio.sleep(_PAUSE_S)

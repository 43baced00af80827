"""The relay beside the doors: what comes in is handed on at once, and looked after while the portal runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from portal.relay import Relay

_GRACE_S = 2.0


@asynccontextmanager
async def relaying(relay: Relay, *, wanted: bool) -> AsyncIterator[None]:
    """Run the relay for the length of the block; a worker runs one too, and they share the work."""
    if not wanted:
        yield
        return
    stop = asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    try:
        yield
    finally:
        stop.set()
        # What it holds when the time is up comes back by its lease.
        await asyncio.wait([task], timeout=_GRACE_S)
        task.cancel()

"""A round of sending: one long activity that takes what is due, sends it side by side, and ends softly."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Generic, TypeVar

from temporalio import activity

from models.outbox import DeliveryReport

_LAST_WORDS_S = 3.0

Due = TypeVar("Due")


class Round(Generic[Due]):
    """`claim` takes so many of what is due, `send` sends one of them and says how it went."""

    def __init__(
        self,
        claim: Callable[[int], Awaitable[Iterable[Due]]],
        send: Callable[[Due], Awaitable[DeliveryReport]],
        *,
        at_once: int,
        run_for: timedelta,
        poll_every: timedelta,
    ) -> None:
        self._claim = claim
        self._send = send
        self._at_once = at_once
        self._run_for_s = run_for.total_seconds()
        self._poll_every_s = poll_every.total_seconds()

    async def run(self) -> DeliveryReport:
        """Send what is due and what becomes due, for some minutes or until this worker stops."""
        ends_at = time.monotonic() + self._run_for_s
        sending: set[asyncio.Task[DeliveryReport]] = set()
        report = DeliveryReport()
        try:
            while time.monotonic() < ends_at and not activity.is_worker_shutdown():
                activity.heartbeat(report)
                sending |= await self._take(self._at_once - len(sending))
                done, sending = await self._pause(sending)
                report = _add(report, done)
        finally:
            done = await _finish(sending)
        return _add(report, done)

    async def _take(self, free: int) -> set[asyncio.Task[DeliveryReport]]:
        """Take no more than can be sent at once: a lease must not run out in a queue."""
        if free == 0:
            return set()
        return {asyncio.create_task(self._run(due)) for due in await self._claim(free)}

    async def _run(self, due: Due) -> DeliveryReport:
        return await self._send(due)

    async def _pause(
        self, sending: set[asyncio.Task[DeliveryReport]]
    ) -> tuple[set[asyncio.Task[DeliveryReport]], set[asyncio.Task[DeliveryReport]]]:
        """Until something is sent, or it is time to look for more."""
        if not sending:
            await asyncio.sleep(self._poll_every_s)
            return set(), set()
        return await asyncio.wait(
            sending, timeout=self._poll_every_s, return_when=asyncio.FIRST_COMPLETED
        )


async def _finish(sending: set[asyncio.Task[DeliveryReport]]) -> set[asyncio.Task[DeliveryReport]]:
    """Let what is on its way arrive; what takes too long is due again when its lease ends."""
    if not sending:
        return set()
    done, late = await asyncio.wait(sending, timeout=_LAST_WORDS_S)
    for task in late:
        task.cancel()
    for task in done:
        task.exception()  # seen, so that asyncio does not complain when nobody asks for the result
    return done


def _add(report: DeliveryReport, done: set[asyncio.Task[DeliveryReport]]) -> DeliveryReport:
    """One whose fate could not be recorded raises here: then the book is away, and we try later."""
    for task in done:
        report += task.result()
    return report

"""Keeping cases in step with an outside desk: one long activity that tells it and hears what people did."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity

from integrations.ticket_desk.protocol import TicketDesk, TicketDeskError
from models.outside_ticket import DeskReport, OutsideWork
from storage import outside_change, outside_ticket
from storage.engine import Database

_HEARTBEAT_EVERY_S = 3.0
_TOLD = DeskReport(told=1)
_POSTPONED = DeskReport(postponed=1)
_NOT_CONFIGURED = DeskReport(configured=False)


class OutsideTicketActivities:
    """Beside the case, never in its way: whatever the desk does, money, keys and our own tickets go on."""

    def __init__(
        self,
        database: Database,
        desk: TicketDesk | None,
        *,
        run_for: timedelta = timedelta(minutes=10),
        listen_every: timedelta = timedelta(seconds=5),
        look_every: timedelta = timedelta(seconds=1),
    ) -> None:
        self._database = database
        self._desk = desk
        self._run_for_s = run_for.total_seconds()
        self._listen_every_s = listen_every.total_seconds()
        self._look_every_s = look_every.total_seconds()

    @activity.defn
    async def keep_in_step(self) -> DeskReport:
        """Tell and listen, for some minutes or until this worker stops; at once over where no desk is set up."""
        if self._desk is None:
            return _NOT_CONFIGURED
        async with _beating():
            return await self._work(self._desk)

    async def _work(self, desk: TicketDesk) -> DeskReport:
        ends_at = time.monotonic() + self._run_for_s
        listens_at = 0.0
        report = DeskReport()
        while time.monotonic() < ends_at and not activity.is_worker_shutdown():
            if time.monotonic() >= listens_at:
                report += await self._listen(desk)
                await asyncio.to_thread(outside_ticket.adopt, self._database, desk.name, _now())
                listens_at = time.monotonic() + self._listen_every_s
            told = await self._tell_next(desk)
            report += told
            if not told.told:
                await asyncio.sleep(self._look_every_s)
        return report

    async def _listen(self, desk: TicketDesk) -> DeskReport:
        """Hear what is new; a desk that does not answer is asked again next time."""
        since = await asyncio.to_thread(outside_change.cursor_of, self._database, desk.name)
        try:
            found = await desk.changes(since, _now())
            new = await asyncio.to_thread(
                outside_change.new_ones, self._database, desk.name, found.items
            )
            read = [await desk.read(change) for change in new]
        except TicketDeskError as error:
            activity.logger.warning("The desk was not heard: %s", error.message)
            return DeskReport()
        taken = await asyncio.to_thread(
            outside_change.take_changes,
            self._database,
            desk.name,
            found.model_copy(update={"items": tuple(read)}),
            _now(),
        )
        return DeskReport(taken=taken)

    async def _tell_next(self, desk: TicketDesk) -> DeskReport:
        """One ticket; what keeps the desk from hearing of it is recorded with it and stops no other."""
        work = await asyncio.to_thread(outside_ticket.claim_due, self._database, desk.name, _now())
        if work is None:
            return DeskReport()
        try:
            await self._tell(desk, work)
        except TicketDeskError as error:
            return await self._postponed(work, error.message, refused=error.permanent)
        except Exception as error:
            # A mended release may know what to say; until then the other tickets go on.
            words = f"It cannot be told: {type(error).__name__}."
            return await self._postponed(work, words, refused=True)
        return _TOLD

    async def _postponed(self, work: OutsideWork, error: str, *, refused: bool) -> DeskReport:
        activity.logger.warning("Ticket %s is not in step: %s", work.ticket_id, error)
        record = outside_ticket.record_failure
        await self._record(record, work.ticket_id, error, refused=refused, at=_now())
        return _POSTPONED

    async def _tell(self, desk: TicketDesk, work: OutsideWork) -> None:
        """Each thing is recorded as soon as the desk has it: after a crash only the last one is looked up there."""
        number = work.number or await self._open(desk, work)
        for telling in work.tellings:
            if telling.message is not None:
                await desk.append(number, telling.message)
            await self._record(outside_ticket.record_told, work.ticket_id, telling.effect_id)
        for answer in work.answers:
            await desk.append(number, answer.message)
            await self._record(
                outside_ticket.record_answered, desk.name, answer.change_number, _now()
            )
        await self._keep_asking(desk, work, number)
        if work.outcome is not None:
            await desk.close(number, work.outcome)
        closed = work.outcome is not None
        await self._record(outside_ticket.record_in_step, work.ticket_id, _now(), closed=closed)

    async def _open(self, desk: TicketDesk, work: OutsideWork) -> str:
        reference = await desk.open_ticket(work.draft)
        await self._record(outside_ticket.record_opened, work.ticket_id, reference)
        return reference.number

    async def _keep_asking(self, desk: TicketDesk, work: OutsideWork, number: str) -> None:
        """One approval is open exactly while the case waits for one."""
        if work.question is not None:
            asked = await desk.ask(number, work.question)
            await self._record(outside_ticket.record_asked, work.ticket_id, asked.number, _now())
        if work.spent_approval is not None:
            await desk.settle(work.spent_approval, work.settlement)
            await self._record(outside_ticket.record_settled, work.ticket_id, _now())

    async def _record(self, record: Any, *what: Any, **more: Any) -> None:
        await asyncio.to_thread(record, self._database, *what, **more)


@asynccontextmanager
async def _beating() -> AsyncIterator[None]:
    """Heartbeats beside the work: a desk may take longer over one answer than we may be silent."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(_HEARTBEAT_EVERY_S)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()


def _now() -> datetime:
    return datetime.now(UTC)

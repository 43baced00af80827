"""The relay: hands over what the inbox holds, starts what a crash left behind, wakes who waited for keys, closes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from models.cancellation import CancellationRequest
from models.errors import Forbidden, KeydeskError
from models.event import (
    EVENT_DATA,
    CancellationRequested,
    CancellationWithdrawn,
    EventType,
    OrderPlaced,
    TicketDecided,
    TicketNoted,
)
from models.inbox import InboxItem
from models.order import OrderDraft
from models.principal import Principal
from models.receipt import Receipt
from portal.desk import Desk
from storage import inbox, left_behind
from storage.principal import event_source, principal_of
from storage.stock import servable

LEFT_BEHIND_AFTER = timedelta(seconds=5)
_EVERY_S = 1.0
_ENSURE_EVERY = timedelta(seconds=30)
_WAKE_EVERY = timedelta(seconds=30)
_BATCH = 50
_AT_ONCE = 8
_SUBJECTS = ("ticket_id", "cancellation_id", "software_id")

log = structlog.get_logger()


class Relay:
    """At least once: a crash between the desk's act and its mark leads to a repeat that meets the first effect."""

    def __init__(self, desk: Desk, *, outside_desk: bool = False) -> None:
        self._desk = desk
        self._outside_desk = outside_desk
        self._poked = asyncio.Event()
        self._senders_ensured_at: datetime | None = None
        self._schedule_ensured = False
        self._woken_at: dict[str, datetime] = {}

    def poke(self) -> None:
        """Something came in; look at once."""
        self._poked.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Look every second, or when poked, until told to stop; a dead neighbour is waited for."""
        while not stop.is_set():
            try:
                await self.round(datetime.now(UTC))
            except (KeydeskError, SQLAlchemyError) as error:
                log.warning("relay_waits", error=getattr(error, "code", type(error).__name__))
            except Exception as error:
                # A fault in one round must not leave every later event lying.
                log.error("relay_failed", error=type(error).__name__)
            await self._rest(stop)

    async def round(self, now: datetime) -> None:
        """Everything once: keep what sends and what closes running, hand events over, start and close what is due."""
        if self._senders_ensured_at is None or now - self._senders_ensured_at > _ENSURE_EVERY:
            await self._desk.engine.ensure_senders()
            if self._outside_desk:
                await self._desk.engine.ensure_outside_desk()
            self._senders_ensured_at = now
        await self.deliver_due(now)
        await self.start_left_behind(now)
        await self.wake_restocked(now)
        await self._desk.inquiries.look_after(now)
        # Last, since a Temporal that refuses schedules must not keep events lying.
        if not self._schedule_ensured:
            await self._desk.engine.ensure_schedule()
            self._schedule_ensured = True

    async def _rest(self, stop: asyncio.Event) -> None:
        self._poked.clear()
        waits = [asyncio.create_task(event.wait()) for event in (stop, self._poked)]
        await asyncio.wait(waits, timeout=_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def deliver_due(self, now: datetime) -> int:
        """Hand over every event that is due; the number handed over."""
        items = await run_in_threadpool(inbox.claim_due, self._desk.database, now, _BATCH)
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def in_turn(chain: list[InboxItem]) -> None:
            async with at_once:
                for item in chain:
                    await self.deliver(item)

        chains = _chains(items)
        ends = await asyncio.gather(*map(in_turn, chains), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end
        return len(items)

    async def deliver(self, item: InboxItem) -> None:
        """One event: done, rejected with the rule's reason, or tried again later."""
        try:
            await self._dispatch(item)
        except KeydeskError as error:
            if error.permanent:
                outcome = {"code": error.code, "detail": error.message}
                await self._mark(inbox.mark_rejected, item, outcome)
            else:
                await self._mark(inbox.mark_retry, item, error.code, datetime.now(UTC))
        except Exception as error:
            log.error("event_failed", event=item.event_id, error=type(error).__name__)
            await self._mark(inbox.mark_retry, item, type(error).__name__, datetime.now(UTC))
        else:
            await self._mark(inbox.mark_done, item, {"resource_id": item.resource_id})

    async def _mark(self, mark: Callable[..., None], item: InboxItem, *verdict: Any) -> None:
        await run_in_threadpool(mark, self._desk.database, item, *verdict)

    async def _dispatch(self, item: InboxItem) -> None:
        kind = EventType(item.type)
        verbs: dict[EventType, Callable[[Any, Receipt, InboxItem], Awaitable[object]]] = {
            EventType.ORDER_PLACED: self._place_order,
            EventType.CANCELLATION_REQUESTED: self._request_cancellation,
            EventType.CANCELLATION_WITHDRAWN: self._withdraw,
            EventType.TICKET_DECIDED: self._decide,
            EventType.TICKET_NOTED: self._note,
        }
        try:
            data = EVENT_DATA[kind].model_validate(item.data)
        except ValidationError as error:
            raise Forbidden("invalid_event_data", "The stored event no longer parses.") from error
        receipt = Receipt(resource_id=item.resource_id, received_at=item.received_at)
        await verbs[kind](data, receipt, item)

    async def _place_order(self, data: OrderPlaced, receipt: Receipt, item: InboxItem) -> object:
        principal = await self._acting(item, data.placed_by)
        draft = OrderDraft.model_validate(data.model_dump(exclude={"placed_by"}))
        return await self._desk.place_order(draft, receipt, principal)

    async def _request_cancellation(
        self, data: CancellationRequested, receipt: Receipt, item: InboxItem
    ) -> object:
        principal = await self._acting(item, data.requested_by)
        request = CancellationRequest.model_validate(data.model_dump(exclude={"requested_by"}))
        return await self._desk.request_cancellation(request, receipt, principal)

    async def _withdraw(
        self, data: CancellationWithdrawn, receipt: Receipt, item: InboxItem
    ) -> object:
        principal = await self._acting(item, data.withdrawn_by)
        return await self._desk.withdraw(data.cancellation_id, data.note, receipt, principal)

    async def _decide(self, data: TicketDecided, receipt: Receipt, item: InboxItem) -> object:
        principal = await self._acting(item, data.decided_by)
        case_id = (await self._desk.find.case_of_ticket(principal, data.ticket_id)).id
        return await self._desk.decide(case_id, data, receipt, principal)

    async def _note(self, data: TicketNoted, receipt: Receipt, item: InboxItem) -> object:
        principal = await self._acting(item, data.written_by)
        return await self._desk.write_note(
            data.ticket_id, data.audience, data.text, receipt, principal
        )

    async def _acting(self, item: InboxItem, user_id: str) -> Principal:
        """The user an event speaks for; a partner's portal speaks only for that partner's people."""

        def read() -> Principal | None:
            with self._desk.database.reading() as connection:
                source = event_source(connection, item.source)
                principal = principal_of(connection, user_id)
                if source is None or principal is None:
                    return None
                bound = source.partner_id
                return principal if bound in (None, principal.partner_id) else None

        principal = await run_in_threadpool(read)
        if principal is None:
            raise Forbidden("actor_unknown", "This source may not speak for that user.")
        return principal

    async def start_left_behind(self, now: datetime) -> None:
        """Start everything whose door died between writing and starting."""
        engine, before = self._desk.engine, now - LEFT_BEHIND_AFTER
        for look, start in (
            (left_behind.orders_left_behind, engine.start_purchase),
            (left_behind.cancellations_left_behind, engine.start_cancellation),
            (left_behind.replacements_left_behind, engine.start_replacement),
        ):
            for found in await run_in_threadpool(self._look, look, before):
                await start(found)

    def _look(
        self, look: Callable[[Connection, datetime], list[str]], before: datetime
    ) -> list[str]:
        with self._desk.database.reading() as connection:
            return look(connection, before)

    async def wake_restocked(self, now: datetime) -> None:
        """Wake every process whose keys have come, whoever brought them in; not again at once, should it not go on."""

        def read() -> list[str]:
            with self._desk.database.reading() as connection:
                return servable(connection)

        waiting = await run_in_threadpool(read)
        self._woken_at = {name: self._woken_at[name] for name in waiting if name in self._woken_at}
        for workflow_id in waiting:
            woken_at = self._woken_at.get(workflow_id)
            if woken_at is None or now - woken_at >= _WAKE_EVERY:
                self._woken_at[workflow_id] = now
                await self._desk.engine.wake(workflow_id)


def _chains(items: list[InboxItem]) -> list[list[InboxItem]]:
    """What is about the same thing stays in the order it came in; the rest need not wait for each other."""
    chains: dict[str, list[InboxItem]] = {}
    for item in items:
        subject = next((str(item.data[n]) for n in _SUBJECTS if n in item.data), item.resource_id)
        chains.setdefault(subject, []).append(item)
    return list(chains.values())

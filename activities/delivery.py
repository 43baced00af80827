"""Delivery of events to endpoints: one long activity that plans, signs and posts, each attempt recorded."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from temporalio import activity

from activities.round import Round
from integrations.cipher.protocol import Cipher
from integrations.webhook.protocol import Answer, Sender, SendingFailed
from integrations.webhook.signing import signed_headers
from models.cipher import CipherError
from models.delivery import DeliveryAttempt, DeliveryStatus, DueDelivery
from models.outbox import DeliveryReport
from rules.delivery import presentable, problem_of
from storage import delivery
from storage.engine import Database

_AT_ONCE = 32
_REPORTS = {
    DeliveryStatus.DELIVERED: DeliveryReport(sent=1),
    DeliveryStatus.PENDING: DeliveryReport(postponed=1),
    DeliveryStatus.GIVEN_UP: DeliveryReport(failed=1),
}


class _Outcome(NamedTuple):
    answer: Answer | None
    error: str | None
    record: Callable[[Database, DueDelivery, DeliveryAttempt, datetime], DeliveryStatus]


class DeliveryActivities:
    """Posts each event at least once to each endpoint, under an id that never changes; never in the way of money."""

    def __init__(
        self,
        database: Database,
        cipher: Cipher,
        sender: Sender,
        *,
        run_for: timedelta = timedelta(minutes=10),
        poll_every: timedelta = timedelta(milliseconds=500),
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._sender = sender
        self._poll_every_s = poll_every.total_seconds()
        self._planned_at = float("-inf")
        self._round = Round(
            self._claim, self._deliver, at_once=_AT_ONCE, run_for=run_for, poll_every=poll_every
        )

    @activity.defn
    async def deliver_events(self) -> DeliveryReport:
        """Deliver what is due and what becomes due, for some minutes or until this worker stops."""
        return await self._round.run()

    async def _claim(self, free: int) -> tuple[DueDelivery, ...]:
        now = datetime.now(UTC)
        if time.monotonic() - self._planned_at >= self._poll_every_s:
            await asyncio.to_thread(delivery.plan_new, self._database, now)
            self._planned_at = time.monotonic()
        return await asyncio.to_thread(delivery.claim_due, self._database, now, free)

    async def _deliver(self, due: DueDelivery) -> DeliveryReport:
        """One attempt; whatever came of it is recorded, and keeps no other from going out."""
        started_at, began = datetime.now(UTC), time.monotonic()
        answer, error, record = await self._post(due, started_at)
        attempt = DeliveryAttempt(
            number=due.attempt,
            started_at=started_at,
            duration_ms=round((time.monotonic() - began) * 1000),
            status_code=answer.status_code if answer else None,
            error=error,
            answer=presentable(answer.head) if answer else None,
        )
        status = await asyncio.to_thread(record, self._database, due, attempt, datetime.now(UTC))
        return _REPORTS[status]

    async def _post(self, due: DueDelivery, at: datetime) -> _Outcome:
        """What was answered, why that is no delivery, and how to record it: a fault of ours is not the endpoint's."""
        try:
            signers = [
                self._cipher.open(secret.sealed, secret.id, due.endpoint_id)
                for secret in due.secrets
            ]
            body = due.event.body()
            headers = signed_headers(due.event.id, body, at, signers)
            answer = await self._sender.send(due.url, headers, body)
        except SendingFailed as failure:
            return _Outcome(None, failure.message, delivery.record_attempt)
        except Exception as fault:
            # A mended release may know better; the words of a fault may hold what must not be kept.
            activity.logger.error("Delivery %s failed: %s", due.id, type(fault).__name__)
            reason = fault.code if isinstance(fault, CipherError) else type(fault).__name__
            error = f"A fault of ours kept it from being sent: {reason}."
            return _Outcome(None, error, delivery.record_fault)
        return _Outcome(answer, problem_of(answer.status_code), delivery.record_attempt)

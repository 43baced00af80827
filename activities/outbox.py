"""Delivery of queued mails: one long activity that sends what is due, while it lives."""

import asyncio
from datetime import UTC, datetime, timedelta

from jinja2 import UndefinedError
from pydantic import ValidationError
from temporalio import activity

from activities.round import Round
from integrations.notifier.protocol import Notifier, NotifierError
from integrations.notifier.render import Renderer
from models.notice import OutboxStatus
from models.outbox import DeliveryReport, DueNotice
from storage import outbox
from storage.engine import Database
from storage.invitation import Marker, invitation_token

_AT_ONCE = 8
_SENT = DeliveryReport(sent=1)
_POSTPONED = DeliveryReport(postponed=1)
_FAILED = DeliveryReport(failed=1)
_SKIPPED = DeliveryReport(skipped=1)


class OutboxActivities:
    """Sends mails at least once each, under an id that never changes; never in the way of money or keys.

    With a `marker`, mails that ask for a decision lead to the page where only their reader can take it.
    """

    def __init__(
        self,
        database: Database,
        notifier: Notifier,
        renderer: Renderer,
        *,
        marker: Marker | None = None,
        run_for: timedelta = timedelta(minutes=10),
        poll_every: timedelta = timedelta(milliseconds=500),
    ) -> None:
        self._database = database
        self._notifier = notifier
        self._renderer = renderer
        self._marker = marker
        self._round = Round(
            self._claim, self._deliver, at_once=_AT_ONCE, run_for=run_for, poll_every=poll_every
        )

    @activity.defn
    async def deliver_notices(self) -> DeliveryReport:
        """Send what is due and what becomes due, for some minutes or until this worker stops."""
        return await self._round.run()

    async def _claim(self, free: int) -> tuple[DueNotice, ...]:
        return await asyncio.to_thread(outbox.claim_due, self._database, datetime.now(UTC), free)

    async def _deliver(self, notice: DueNotice) -> DeliveryReport:
        """One mail; whatever keeps it from going out is recorded with it and stops no other."""
        if notice.recipient is None:
            return await self._failed(notice, "The recipient is no longer active.", permanent=True)
        if notice.is_unwanted:
            await asyncio.to_thread(outbox.record_skipped, self._database, notice.id)
            return _SKIPPED
        try:
            token = await asyncio.to_thread(self._invitation, notice)
            letter = self._renderer.write(notice, notice.recipient, token)
            await self._notifier.send(letter)
        except NotifierError as error:
            return await self._failed(notice, error.message, permanent=error.permanent)
        except Exception as error:
            # A mended release may know the template or the fact, so this is no reason to give up at once.
            return await self._failed(notice, _unwritable(notice, error), permanent=False)
        await asyncio.to_thread(outbox.record_sent, self._database, notice.id, datetime.now(UTC))
        return _SENT

    def _invitation(self, notice: DueNotice) -> str | None:
        """The token of a mail that asks its reader to decide; nothing of it is stored."""
        if self._marker is None:
            return None
        with self._database.reading() as connection:
            return invitation_token(connection, notice.id, self._marker)

    async def _failed(self, notice: DueNotice, error: str, *, permanent: bool) -> DeliveryReport:
        activity.logger.warning("Mail %s did not go out: %s", notice.id, error)
        status = await asyncio.to_thread(
            outbox.record_failure,
            self._database,
            notice.id,
            error,
            permanent=permanent,
            at=datetime.now(UTC),
        )
        return _FAILED if status is OutboxStatus.FAILED else _POSTPONED


def _unwritable(notice: DueNotice, error: Exception) -> str:
    """Why there is no letter, without the values that were to stand in it."""
    reason = type(error).__name__
    if isinstance(error, UndefinedError):
        reason = str(error)
    if isinstance(error, ValidationError):
        fields = ", ".join(str(part["loc"][0]) for part in error.errors(include_input=False))
        reason = f"not acceptable as {fields}"
    return f"The letter {notice.kind!r} cannot be written: {reason}."

"""Settling a case: what the book says afterwards, also to whoever comes second or repeats themselves."""

from collections.abc import Awaitable

from starlette.concurrency import run_in_threadpool

from models.decision import Decision, DecisionRecord
from models.errors import Conflict, KeydeskError
from models.receipt import Receipt
from storage import cancellation_view
from storage.engine import Database

_TOO_LATE = ("already_decided", "case_closed")


async def settled(
    database: Database, cancellation_id: str, receipt: Receipt, attempt: Awaitable[DecisionRecord]
) -> Decision:
    """The decision that the attempt brought; whoever is too late is told whose verdict stands.

    A case that ended no longer answers, so a repeat of the very request that settled it is answered here.
    """
    try:
        await attempt
    except KeydeskError as refusal:
        if refusal.code not in _TOO_LATE:
            raise
        standing = await _decision_of(database, cancellation_id)
        if standing is None:
            raise
        if standing.id != receipt.resource_id:
            raise _already_decided(standing) from refusal
        return standing
    decision = await _decision_of(database, cancellation_id)
    assert decision is not None, "an accepted attempt is in the book"
    return decision


def _already_decided(standing: Decision) -> Conflict:
    return Conflict(
        "already_decided",
        f"The case was settled before: it is {standing.verdict}.",
        verdict=standing.verdict,
        decided_by=standing.decided_by,
        decided_at=standing.decided_at.isoformat(),
    )


async def _decision_of(database: Database, cancellation_id: str) -> Decision | None:
    def read() -> Decision | None:
        with database.reading() as connection:
            return cancellation_view.find_decision(connection, cancellation_id)

    return await run_in_threadpool(read)

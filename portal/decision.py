"""Settling a case: what the book says afterwards, also to whoever comes second or repeats themselves."""

from collections.abc import Awaitable

from starlette.concurrency import run_in_threadpool

from models.approval import Approval
from models.cancellation import Cancellation
from models.decision import Decision, DecisionAttempt, DecisionRecord, Verdict
from models.errors import Conflict, KeydeskError, Stale
from models.principal import Principal
from models.receipt import Receipt
from models.undo import UndoRecord
from storage import approval, cancellation_view
from storage.engine import Database
from storage.revision import changes_since, revision_of

_TOO_LATE = ("already_decided", "case_closed")


def attempt_of(
    case: Cancellation, receipt: Receipt, principal: Principal, verdict: Verdict
) -> DecisionAttempt:
    """What the caller says to a case, under the id of their request."""
    return DecisionAttempt(
        id=receipt.resource_id,
        cancellation_id=case.id,
        actor_id=principal.user_id,
        verdict=verdict,
    )


async def settled(
    database: Database, cancellation_id: str, receipt: Receipt, attempt: Awaitable[DecisionRecord]
) -> Decision | Approval:
    """The decision that the attempt brought, or the approval while more people are asked.

    Whoever is too late is told whose verdict stands. A case that ended no longer answers, so a repeat of the
    very request that settled it, or was one of the approvals on the way, is answered here.
    """
    try:
        record = await attempt
    except KeydeskError as refusal:
        if refusal.code not in _TOO_LATE:
            raise
        own = await _decision_of(database, cancellation_id, receipt.resource_id)
        if own is not None:
            return own
        standing = await _decision_of(database, cancellation_id)
        if standing is None:
            raise
        given = await _approval_of(database, cancellation_id, receipt.resource_id)
        if given is None:
            raise _already_decided(standing) from refusal
        return given
    if record.approvals_missing:
        given = await _approval_of(database, cancellation_id, receipt.resource_id)
        assert given is not None, "a noted approval is in the book"
        return given
    decision = await _decision_of(database, cancellation_id, receipt.resource_id)
    assert decision is not None, "an accepted attempt is in the book"
    return decision


async def undone(
    database: Database,
    cancellation_id: str,
    decision_id: str,
    receipt: Receipt,
    attempt: Awaitable[UndoRecord],
) -> Decision:
    """The approval that was taken back, also to a repeat of the request that did so, however late it comes."""
    try:
        await attempt
    except KeydeskError:
        decision = await _decision_of(database, cancellation_id, decision_id)
        done = None if decision is None else decision.undo
        if decision is None or done is None or done.id != receipt.resource_id:
            raise
        return decision
    decision = await _decision_of(database, cancellation_id, decision_id)
    assert decision is not None, "what was taken back is in the book"
    return decision


async def since(
    database: Database, case: Cancellation, revision: int | None, refusal: Stale
) -> Stale:
    """The refusal of a decision on an earlier view, with what changed after that view."""

    def read() -> Stale:
        with database.reading() as connection:
            changes = changes_since(connection, case.order_id, revision or 0)
            told = [change.model_dump(mode="json") for change in changes]
            newest = revision_of(connection, case.order_id)
        return Stale(refusal.code, refusal.message, revision=newest, changes=told)

    return await run_in_threadpool(read)


def _already_decided(standing: Decision) -> Conflict:
    return Conflict(
        "already_decided",
        f"The case was settled before: it is {standing.verdict}.",
        verdict=standing.verdict,
        decided_by=standing.decided_by,
        decided_at=standing.decided_at.isoformat(),
    )


async def _decision_of(
    database: Database, cancellation_id: str, decision_id: str | None = None
) -> Decision | None:
    def read() -> Decision | None:
        with database.reading() as connection:
            return cancellation_view.find_decision(connection, cancellation_id, decision_id)

    return await run_in_threadpool(read)


async def _approval_of(
    database: Database, cancellation_id: str, approval_id: str
) -> Approval | None:
    def read() -> Approval | None:
        with database.reading() as connection:
            given = approval.approvals_of(connection, [cancellation_id]).get(cancellation_id, ())
        return next((one for one in given if one.id == approval_id), None)

    return await run_in_threadpool(read)

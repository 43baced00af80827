"""The same process on DBOS, as its documentation would write it: a workflow function and one step per effect."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from dbos import DBOS, DBOSConfig, SetWorkflowID, error
from starlette.concurrency import run_in_threadpool

from benchmarks.place import Place
from benchmarks.sale import Sale, Till
from models.approval import ApprovalMode
from models.cancellation import Assessment
from models.credit import CreditReceipt
from models.decision import DecisionAttempt, DecisionRecord, Verdict
from models.ids import POLICY_USER, purchase_workflow_id
from models.step import Done, Step
from models.ticket import TicketReceipt
from storage import cancellation, credit, decision, product_key, ticket
from storage.engine import Database

_APPROVAL_TIMEOUT_S = 30 * 24 * 3600


class Book:
    """The database the steps work on; set before DBOS is launched."""

    database: Database


@DBOS.step()
def validate_window(step: Step) -> Assessment:
    return cancellation.validate_window(Book.database, step)


@DBOS.step()
def create_ticket(step: Step) -> TicketReceipt:
    return ticket.create_ticket(Book.database, step)


@DBOS.step()
def record_decision(step: Step, attempt: DecisionAttempt) -> DecisionRecord:
    return decision.record_decision(Book.database, step, attempt)


@DBOS.step()
def suspend_key(step: Step) -> Done:
    return product_key.suspend_key(Book.database, step)


@DBOS.step()
def book_credit(step: Step) -> CreditReceipt:
    return credit.book_credit(Book.database, step)


@DBOS.step()
def revoke_key(step: Step) -> Done:
    return product_key.revoke_key(Book.database, step)


@DBOS.step()
def close_ticket(step: Step) -> Done:
    return ticket.close_ticket(Book.database, step)


@DBOS.workflow()
def cancel_line(cancellation_id: str, order_id: str, line_id: str, started_at: datetime) -> str:
    """validate window → create ticket → await approval → suspend key → credit → revoke key → close ticket."""
    step = Step(subject_id=cancellation_id, order_id=order_id, at=started_at)
    assessment = validate_window(step)
    if not assessment.eligible:
        return "ineligible"
    create_ticket(step)
    if assessment.mode is ApprovalMode.AUTOMATIC:
        attempt = _by_policy(cancellation_id)
    else:
        attempt = DBOS.recv("decision", timeout_seconds=_APPROVAL_TIMEOUT_S)
    verdict = record_decision(step, attempt)
    if verdict.verdict is not Verdict.APPROVED:
        return "declined"
    suspend_key(step)
    book_credit(step)
    revoke_key(step)
    close_ticket(step)
    _report_to_purchase(order_id, line_id)
    return "completed"


def _report_to_purchase(order_id: str, line_id: str) -> None:
    try:
        DBOS.send(purchase_workflow_id(order_id), line_id, "cancellation_closed")
    except error.DBOSNonExistentWorkflowError:
        DBOS.logger.debug("purchase already closed")


def _by_policy(cancellation_id: str) -> DecisionAttempt:
    return DecisionAttempt(
        id=f"dec_{cancellation_id.removeprefix('can_')}",
        cancellation_id=cancellation_id,
        actor_id=POLICY_USER,
        verdict=Verdict.APPROVED,
    )


class Contestant:
    """Writes the request and starts the process, like the desk."""

    def __init__(self, till: Till) -> None:
        self._till = till

    async def cancel(self, sale: Sale) -> None:
        """From the request to the closed process."""
        await run_in_threadpool(self._cancel, sale)

    def _cancel(self, sale: Sale) -> None:
        self._till.receive(sale)
        with SetWorkflowID(sale.workflow_id):
            handle = DBOS.start_workflow(
                cancel_line, sale.cancellation_id, sale.order_id, sale.line_id, datetime.now(UTC)
            )
        handle.get_result()


@asynccontextmanager
async def running(place: Place) -> AsyncIterator[Contestant]:
    """DBOS with its default settings, its own tables in a schema of the same database."""
    Book.database = Database(place.database_url, pool_size=16)
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": place.database_url,
        "log_level": "WARNING",
    }
    DBOS(config=config)
    DBOS.launch()
    try:
        yield Contestant(Till(Book.database))
    finally:
        DBOS.destroy()
        Book.database.close()

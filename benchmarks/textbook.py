"""The same process as Temporal's documentation would write it: one regular activity per step, default options."""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.exceptions import FailureError
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from starlette.concurrency import run_in_threadpool

    from activities.cancellation import CancellationActivities
    from activities.credit import CreditActivities
    from activities.decision import DecisionActivities
    from activities.product_key import ProductKeyActivities
    from activities.ticket import TicketActivities
    from benchmarks.place import CIPHER, Place
    from benchmarks.sale import Sale, Till
    from integrations.temporal import connect
    from models.approval import ApprovalMode
    from models.base import Message
    from models.decision import DecisionAttempt, Verdict
    from models.ids import POLICY_USER, purchase_workflow_id
    from models.order import LineClosed
    from models.step import DecisionStep, Step
    from storage.engine import Database

TASK_QUEUE = "bench-textbook"
_TIMEOUT = timedelta(seconds=30)
_THREADS = 100


class TextbookInput(Message):
    """The ids the process is about."""

    cancellation_id: str
    order_id: str
    line_id: str


@workflow.defn
class TextbookCancellation:
    """validate window → create ticket → await approval → suspend key → credit → revoke key → close ticket."""

    def __init__(self) -> None:
        self._attempt: DecisionAttempt | None = None

    @workflow.run
    async def run(self, request: TextbookInput) -> str:
        assessment = await workflow.execute_activity_method(
            CancellationActivities.validate_window,
            self._step(request),
            start_to_close_timeout=_TIMEOUT,
        )
        if not assessment.eligible:
            return "ineligible"
        await workflow.execute_activity_method(
            TicketActivities.create_ticket, self._step(request), start_to_close_timeout=_TIMEOUT
        )
        if assessment.mode is ApprovalMode.AUTOMATIC:
            self._attempt = _by_policy(request)
        await workflow.wait_condition(lambda: self._attempt is not None)
        assert self._attempt is not None
        decision = await workflow.execute_activity_method(
            DecisionActivities.record_decision,
            DecisionStep(**self._step(request).model_dump(), attempt=self._attempt),
            start_to_close_timeout=_TIMEOUT,
        )
        if decision.verdict is not Verdict.APPROVED:
            return "declined"
        await workflow.execute_activity_method(
            ProductKeyActivities.suspend_key,
            self._step(request),
            start_to_close_timeout=_TIMEOUT,
        )
        await workflow.execute_activity_method(
            CreditActivities.book_credit, self._step(request), start_to_close_timeout=_TIMEOUT
        )
        await workflow.execute_activity_method(
            ProductKeyActivities.revoke_key, self._step(request), start_to_close_timeout=_TIMEOUT
        )
        await workflow.execute_activity_method(
            TicketActivities.close_ticket, self._step(request), start_to_close_timeout=_TIMEOUT
        )
        await self._report_to_purchase(request)
        return "completed"

    @workflow.update
    async def decide(self, attempt: DecisionAttempt) -> None:
        """A person's decision; nobody sends one where the policy decides."""
        self._attempt = attempt

    async def _report_to_purchase(self, request: TextbookInput) -> None:
        purchase = workflow.get_external_workflow_handle(purchase_workflow_id(request.order_id))
        try:
            await purchase.signal(
                "cancellation_closed", LineClosed(line_id=request.line_id, cancelled=True)
            )
        except FailureError:
            workflow.logger.info("purchase_already_closed")

    def _step(self, request: TextbookInput) -> Step:
        return Step(
            subject_id=request.cancellation_id, order_id=request.order_id, at=workflow.now()
        )


def _by_policy(request: TextbookInput) -> DecisionAttempt:
    return DecisionAttempt(
        id=f"dec_{request.cancellation_id.removeprefix('can_')}",
        cancellation_id=request.cancellation_id,
        actor_id=POLICY_USER,
        verdict=Verdict.APPROVED,
    )


class Contestant:
    """Writes the request and starts the process, like the desk."""

    def __init__(self, till: Till, client: Client) -> None:
        self._till = till
        self._client = client

    async def cancel(self, sale: Sale) -> None:
        """From the request to the closed process."""
        await run_in_threadpool(self._till.receive, sale)
        await self._client.execute_workflow(
            TextbookCancellation.run,
            TextbookInput(
                cancellation_id=sale.cancellation_id,
                order_id=sale.order_id,
                line_id=sale.line_id,
            ),
            id=f"textbook-{sale.cancellation_id}",
            task_queue=TASK_QUEUE,
        )


@asynccontextmanager
async def running(place: Place) -> AsyncIterator[Contestant]:
    """A worker with default settings, on the database pool that our own worker has too."""
    database = Database(place.database_url, pool_size=16)
    client = await connect(place.temporal_address, place.temporal_namespace)
    with ThreadPoolExecutor(_THREADS) as executor:
        async with Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[TextbookCancellation],
            activities=_activities(database),
            activity_executor=executor,
        ):
            yield Contestant(Till(database), client)
    database.close()


def _activities(database: Database) -> list[Callable[..., object]]:
    key = ProductKeyActivities(database, CIPHER)
    ticket = TicketActivities(database)
    return [
        CancellationActivities(database).validate_window,
        ticket.create_ticket,
        DecisionActivities(database).record_decision,
        key.suspend_key,
        CreditActivities(database).book_credit,
        key.revoke_key,
        ticket.close_ticket,
    ]

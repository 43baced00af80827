"""The process engine as the desk uses it: start once, update with a caller-made id, and errors in our words."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import UpdateMethodMultiParam

from integrations.temporal import is_away, unavailable
from models.cancellation import CancellationInput
from models.errors import (
    KeydeskError,
    Refused,
    Unavailable,
)
from models.ids import purchase_workflow_id, replacement_workflow_id
from models.order import PurchaseInput
from models.policy import CancellationPolicy
from models.replacement import ReplacementInput, ReplacementStage
from portal.engine_answer import in_our_words, in_trouble
from portal.schedule import ensure_schedule
from storage import case, left_behind, order, replacement
from storage.engine import Database
from workflows import cancellation_view, purchase_view, replacement_view
from workflows.cancellation import CancellationWorkflow
from workflows.delivery import DeliveryWorkflow
from workflows.outbox import OutboxWorkflow
from workflows.outside_ticket import OutsideDeskWorkflow
from workflows.purchase import PurchaseWorkflow
from workflows.replacement import ReplacementWorkflow
from workflows.search_attributes import CUSTOMER, CUSTOMER_TENANT, NEEDS_ATTENTION, ORDER, STAGE

Answer = TypeVar("Answer")
_CALL_TIMEOUT = timedelta(seconds=5)
_UPDATE_TIMEOUT = timedelta(seconds=15)


class Engine:
    """Starts are idempotent by workflow id and never give a closed workflow a second life."""

    def __init__(self, database: Database, client: Client, task_queue: str) -> None:
        self._database = database
        self._client = client
        self._task_queue = task_queue

    async def require_up(self) -> None:
        """Unavailable unless Temporal answers now; asked before anything is written."""
        try:
            healthy = await self._client.service_client.check_health(timeout=_CALL_TIMEOUT)
        except (RPCError, RuntimeError, OSError) as error:
            raise unavailable() from error
        if not healthy:
            raise unavailable()

    async def start_purchase(self, order_id: str) -> None:
        """Start the order's purchase, unless it runs or ran already."""

        def read() -> Any:
            with self._database.reading() as connection:
                return order.load(connection, order_id)

        row = await run_in_threadpool(read)
        total = order.facts(row)["total"]
        await self._start(
            PurchaseWorkflow.run,
            PurchaseInput(
                order_id=row.id,
                order_number=row.number,
                customer_tenant=row.customer_tenant,
                customer_name=row.customer_name,
            ),
            workflow_id=purchase_workflow_id(row.id),
            customer=row.customer_name,
            tenant=row.customer_tenant,
            order_number=row.number,
            stage="validating order",
            summary=f"Order {row.number} of {row.customer_name}, {total}",
            guide=purchase_view.GUIDE,
        )

    async def start_cancellation(self, cancellation_id: str) -> None:
        """Start the request's process, unless it runs or ran already."""

        def read() -> Any:
            with self._database.reading() as connection:
                return case.load_case(connection, cancellation_id)

        row = await run_in_threadpool(read)
        facts = case.facts(row)
        await self._start(
            CancellationWorkflow.run,
            CancellationInput(
                cancellation_id=row.id,
                order_id=row.order_id,
                order_number=row.order_number,
                line_id=row.line_id,
                requester_id=row.requester_id,
                customer_tenant=row.customer_tenant,
                customer_name=row.customer_name,
            ),
            workflow_id=row.workflow_id,
            customer=row.customer_name,
            tenant=row.customer_tenant,
            order_number=row.order_number,
            stage="validating window",
            summary=f"Cancel {case.product(row)} of order {row.order_number}, "
            f"{row.customer_name}, {facts['requested']}",
            guide=cancellation_view.GUIDE,
        )

    async def start_replacement(self, replacement_id: str) -> None:
        """Start the replacement's process, unless it runs or ran already."""

        def read() -> Any:
            with self._database.reading() as connection:
                found = replacement.load(connection, replacement_id)
                return found, order.load(connection, found.order_id)

        found, row = await run_in_threadpool(read)
        plan = CancellationPolicy.model_validate(found.policy).approval
        await self._start(
            ReplacementWorkflow.run,
            ReplacementInput(
                replacement_id=found.id,
                order_id=row.id,
                order_number=row.number,
                requester_id=found.requester_id,
                customer_tenant=row.customer_tenant,
                customer_name=row.customer_name,
                remind_after=(*plan.remind_after, plan.escalate_after),
            ),
            workflow_id=replacement_workflow_id(found.id),
            customer=row.customer_name,
            tenant=row.customer_tenant,
            order_number=row.number,
            stage=ReplacementStage.SUSPENDING,
            summary=f"Replace a key of {found.product_title} of order {row.number}, {row.customer_name}",
            guide=replacement_view.GUIDE,
        )

    async def wake(self, workflow_id: str) -> None:
        """Have a process that waits for keys look again; one that does not run has nobody to wake."""
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            await self._call(lambda: handle.signal("stock_arrived", rpc_timeout=_CALL_TIMEOUT))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def ensure_senders(self) -> None:
        """Keep the workflows running that send mails and deliver events, one of each."""
        await self._ensure(OutboxWorkflow.run, "outbox", "Sends the mails that are due")
        await self._ensure(DeliveryWorkflow.run, "deliveries", "Delivers events to endpoints")

    async def ensure_outside_desk(self) -> None:
        """Keep the one workflow running that keeps cases and an outside ticket desk in step."""
        await self._ensure(OutsideDeskWorkflow.run, "outside-desk", "Keeps an outside desk in step")

    async def _ensure(self, run: Any, workflow_id: str, summary: str) -> None:
        await self._call(
            lambda: self._client.start_workflow(
                run,
                id=workflow_id,
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=summary,
            )
        )

    async def ensure_schedule(self) -> None:
        """Keep the schedule that closes every month."""
        await self._call(lambda: ensure_schedule(self._client, self._task_queue))

    async def _start(
        self,
        run: Any,
        argument: Any,
        *,
        workflow_id: str,
        customer: str,
        tenant: str,
        order_number: int,
        stage: str,
        summary: str,
        guide: str,
    ) -> None:
        async def start() -> None:
            await self._client.start_workflow(
                run,
                argument,
                id=workflow_id,
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                static_summary=summary,
                static_details=guide,
                search_attributes=TypedSearchAttributes(
                    [
                        SearchAttributePair(STAGE, stage),
                        SearchAttributePair(CUSTOMER, customer),
                        SearchAttributePair(CUSTOMER_TENANT, tenant),
                        SearchAttributePair(ORDER, str(order_number)),
                        SearchAttributePair(NEEDS_ATTENTION, False),
                    ]
                ),
                rpc_timeout=_CALL_TIMEOUT,
            )

        try:
            await self._call(start)
        except WorkflowAlreadyStartedError:
            # It ran and ended: the book holds its answer, and nothing starts twice.
            return

    async def update(
        self,
        workflow_id: str,
        update: UpdateMethodMultiParam[Any, Answer],
        argument: Any,
        update_id: str,
    ) -> Answer:
        """Say something to a running case; the same id again gets the first answer."""
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            answer: Answer = await self._call(
                lambda: handle.execute_update(
                    update, argument, id=update_id, rpc_timeout=_UPDATE_TIMEOUT
                )
            )
        except WorkflowUpdateFailedError as error:
            raise in_our_words(error) from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise await self._no_process(workflow_id) from error
            if error.status is RPCStatusCode.FAILED_PRECONDITION:
                raise in_trouble() from error
            raise
        return answer

    async def _no_process(self, workflow_id: str) -> KeydeskError:
        """Nothing runs under this id: the case is over, or a crash left its start to the relay."""

        def is_due() -> bool:
            with self._database.reading() as connection:
                return left_behind.is_process_due(connection, workflow_id)

        if not await run_in_threadpool(is_due):
            return Refused("case_closed", "The case is closed.")
        return Unavailable(
            "process_not_running",
            "The process of this case is not running yet. Nothing was lost; repeat the request with "
            "the same Idempotency-Key.",
            retry_after_s=5,
        )

    async def _call(self, call: Callable[[], Any]) -> Any:
        try:
            return await call()
        except (RPCError, RPCTimeoutOrCancelledError, RuntimeError, OSError) as error:
            # An update that no worker takes in time ends in a timeout that is no RPCError.
            if is_away(error):
                raise unavailable() from error
            raise

"""PurchaseWorkflow: one order, from the charge to the day its cancellation window closes."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    from activities.order import OrderActivities
    from activities.product_key import ProductKeyActivities
    from activities.ticket import TicketActivities
    from models.cancellation import OperatorAct
    from models.ids import SYSTEM_USER
    from models.order import (
        LineClosed,
        OrderStatus,
        PurchaseInput,
        PurchaseOutcome,
        PurchaseStage,
        PurchaseState,
        Validation,
    )
    from models.step import ActedStep, Step, StockStep
    from workflows.purchase_view import describe
    from workflows.refusal import refuse
    from workflows.search_attributes import NEEDS_ATTENTION, STAGE, WAITING_SINCE, WINDOW_END
    from workflows.steps import Steps, sleep_until

_RECHECK = timedelta(hours=1)
_OVER = frozenset(
    {PurchaseStage.FINAL, PurchaseStage.CANCELLED, PurchaseStage.FAILED, PurchaseStage.REFUSED}
)
_BEFORE_DELIVERY = frozenset(
    {PurchaseStage.WAITING_FOR_STOCK, PurchaseStage.ALLOCATING, PurchaseStage.REVERSING}
)


@workflow.defn
class PurchaseWorkflow:
    """validate order → charge → allocate keys → open downloads → keep the window → final."""

    @workflow.init
    def __init__(self, request: PurchaseInput) -> None:
        self._request = request
        self._stage = PurchaseStage.VALIDATING
        self._validation: Validation | None = None
        self._cancelled_lines: set[str] = set()
        self._reports = 0
        self._undo: list[Callable[[], Awaitable[None]]] = []
        self._problem: str | None = None
        self._stock_retry = False
        self._given_up_by: str | None = None
        self._steps = Steps(self._show_trouble)

    @workflow.run
    async def run(self, request: PurchaseInput) -> PurchaseOutcome:
        """The story; every line is one durable step."""
        validation = await self._validate_order()
        if not validation.accepted:
            return await self._end(PurchaseStage.REFUSED, OrderStatus.REFUSED)
        self._undo.append(self._reverse_charge)
        await self._charge_order()
        if not await self._allocate_keys():
            return await self._compensate()
        await self._open_downloads()
        await self._keep_window(validation)
        return await self._finalise()

    # The steps, in the order of the story.

    async def _validate_order(self) -> Validation:
        self._enter(PurchaseStage.VALIDATING)
        self._validation = await self._steps.run(
            OrderActivities.validate_order, self._step(), "Validate the order"
        )
        return self._validation

    async def _charge_order(self) -> None:
        self._enter(PurchaseStage.CHARGING)
        await self._steps.run(
            OrderActivities.charge_order, self._step(), "Charge the partner's account"
        )

    async def _allocate_keys(self) -> bool:
        """True once every line has its keys; False when the stock stayed dry or an operator gave up."""
        stock = self._request.stock
        give_up_at = workflow.now() + timedelta(seconds=stock.give_up_after_s)
        wait = timedelta(seconds=stock.first_wait_s)
        while True:
            self._enter(PurchaseStage.ALLOCATING)
            allocation = await self._steps.run(
                ProductKeyActivities.allocate_keys, self._step(), "Allocate product keys"
            )
            if allocation.allocated:
                await self._show_trouble(None)
                return True
            if self._given_up_by or workflow.now() >= give_up_at:
                return False
            await self._report_dry_stock(allocation.missing_skus)
            self._stock_retry = False
            again_at = min(workflow.now() + wait, give_up_at)
            await sleep_until(again_at, self._is_stock_wait_over, "Look for keys again")
            wait = min(wait * 2, timedelta(seconds=stock.longest_wait_s))

    async def _report_dry_stock(self, missing_skus: tuple[str, ...]) -> None:
        """One incident per order, however often the pool is looked at."""
        self._enter(PurchaseStage.WAITING_FOR_STOCK)
        if self._problem is not None:
            return
        step = StockStep(**self._step().model_dump(), missing_skus=missing_skus)
        await self._steps.run(
            TicketActivities.open_stock_incident, step, "Open an incident: no keys in stock"
        )
        self._show(waiting_since=workflow.now())
        await self._show_trouble(f"No product key in stock for {', '.join(missing_skus)}.")

    async def _open_downloads(self) -> None:
        self._enter(PurchaseStage.DELIVERING)
        await self._steps.run(OrderActivities.open_downloads, self._step(), "Open the downloads")

    async def _keep_window(self, validation: Validation) -> None:
        """Stay until the last window closes, or every line was cancelled before."""
        assert validation.window_closes_at is not None
        self._enter(PurchaseStage.WINDOW_OPEN)
        self._show(window_end=validation.window_closes_at)
        if validation.remind_at is not None:
            if await sleep_until(
                validation.remind_at, self._is_all_cancelled, "Remind the buyer: window closes soon"
            ):
                return
            await self._steps.run(
                OrderActivities.remind_window, self._step(), "Remind the buyer of the window"
            )
        await sleep_until(
            validation.window_closes_at, self._is_all_cancelled, "End of the cancellation window"
        )

    async def _finalise(self) -> PurchaseOutcome:
        """Close the order; cancellations filed in time are waited for, however long people take."""
        while True:
            settlement = await self._steps.run(
                OrderActivities.finalise_order, self._step(), "Close the order"
            )
            if settlement.final:
                break
            self._enter(PurchaseStage.WAITING_FOR_CANCELLATION)
            self._show(waiting_since=workflow.now())
            heard = self._reports
            await sleep_until(
                workflow.now() + _RECHECK,
                lambda heard=heard: self._reports > heard,  # type: ignore[misc]
                "Wait for open cancellations",
            )
        if settlement.status is OrderStatus.CANCELLED:
            return await self._end(PurchaseStage.CANCELLED, OrderStatus.CANCELLED)
        return await self._end(PurchaseStage.FINAL, OrderStatus.FINAL)

    async def _compensate(self) -> PurchaseOutcome:
        """Undo what was registered, newest first."""
        self._enter(PurchaseStage.REVERSING)
        while self._undo:
            await self._undo.pop()()
        return await self._end(PurchaseStage.FAILED, OrderStatus.FAILED)

    async def _reverse_charge(self) -> None:
        step = ActedStep(**self._step().model_dump(), actor_id=self._given_up_by or SYSTEM_USER)
        await self._steps.run(OrderActivities.reverse_charge, step, "Reverse the charge")

    async def _end(self, stage: PurchaseStage, status: OrderStatus) -> PurchaseOutcome:
        await self._show_trouble(None)
        self._enter(stage)
        self._show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return PurchaseOutcome(order_id=self._request.order_id, status=status)

    # What others may say.

    @workflow.signal
    def cancellation_closed(self, report: LineClosed) -> None:
        """A cancellation of one of the lines has ended."""
        self._reports += 1
        if report.cancelled:
            self._cancelled_lines.add(report.line_id)
        workflow.set_current_details(self._details())

    @workflow.signal
    def stock_arrived(self) -> None:
        """The pool was filled up: look for keys at once. Noise to an order that does not wait."""
        self._stock_retry = True

    @workflow.update
    async def retry(self, act: OperatorAct) -> PurchaseState:
        """Look for keys, or try the failing step, again at once."""
        del act
        self._stock_retry = True
        self._steps.retry_now()
        return self._state()

    @retry.validator
    def _may_retry(self, act: OperatorAct) -> None:
        del act
        if self._problem is None:
            refuse("nothing_to_retry", "No step of this order is failing.")

    @workflow.update
    async def compensate(self, act: OperatorAct) -> PurchaseState:
        """Give an order up that waits for keys: its charge is reversed, unless the last look finds keys."""
        self._given_up_by = act.actor_id
        await workflow.wait_condition(lambda: self._stage not in _BEFORE_DELIVERY)
        return self._state()

    @compensate.validator
    def _may_compensate(self, act: OperatorAct) -> None:
        del act
        if self._stage is not PurchaseStage.WAITING_FOR_STOCK:
            refuse("not_compensable", "Only an order that waits for keys can be given up.")

    @workflow.query
    def status(self) -> PurchaseState:
        """Where the order is."""
        return self._state()

    # What operators see.

    def _is_stock_wait_over(self) -> bool:
        return self._stock_retry or self._given_up_by is not None

    def _is_all_cancelled(self) -> bool:
        assert self._validation is not None
        return len(self._cancelled_lines) >= self._validation.line_count

    def _is_over(self) -> bool:
        return self._stage in _OVER

    def _enter(self, stage: PurchaseStage) -> None:
        self._stage = stage
        workflow.set_current_details(self._details())

    def _show(
        self, *, waiting_since: datetime | None = None, window_end: datetime | None = None
    ) -> None:
        """Tell Temporal's visibility; only where an order lingers, since each call costs an event."""
        updates: list[SearchAttributeUpdate[Any]] = [STAGE.value_set(self._stage)]
        if waiting_since is not None:
            updates.append(WAITING_SINCE.value_set(waiting_since))
        if window_end is not None:
            updates.append(WINDOW_END.value_set(window_end))
        workflow.upsert_search_attributes(updates)

    async def _show_trouble(self, problem: str | None) -> None:
        if problem == self._problem:
            return
        self._problem = problem
        workflow.set_current_details(self._details())
        workflow.upsert_search_attributes(
            [STAGE.value_set(self._stage), NEEDS_ATTENTION.value_set(problem is not None)]
        )

    def _details(self) -> str:
        return describe(
            self._request,
            self._stage,
            self._validation,
            len(self._cancelled_lines),
            self._problem,
        )

    def _state(self) -> PurchaseState:
        return PurchaseState(
            order_id=self._request.order_id,
            stage=self._stage,
            cancelled_lines=tuple(sorted(self._cancelled_lines)),
            needs_attention=self._problem,
        )

    def _step(self) -> Step:
        return Step(
            subject_id=self._request.order_id, order_id=self._request.order_id, at=workflow.now()
        )

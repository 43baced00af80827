"""A cancellation as its process holds it: where it is, what was decided, and what operators see of it."""

import asyncio
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.ticket import TicketActivities
    from models.cancellation import (
        OVER,
        Assessment,
        CancellationInput,
        CancellationStage,
        CancellationState,
    )
    from models.decision import DecisionRecord
    from models.step import AttentionStep, Step
    from models.ticket import TicketReceipt
    from workflows.cancellation_view import describe
    from workflows.options import FLAG_RETRY, FLAG_TIMEOUT
    from workflows.search_attributes import NEEDS_ATTENTION, STAGE, TICKET, WAITING_SINCE
    from workflows.steps import Steps

_OVER = frozenset(CancellationStage(status.value) for status in OVER)


class CancellationCase:
    """The state of one case; `CancellationDesk` adds what people may say, `CancellationWorkflow` the process."""

    def __init__(self, request: CancellationInput) -> None:
        self._request = request
        self._stage = CancellationStage.VALIDATING
        self._assessment: Assessment | None = None
        self._ticket: TicketReceipt | None = None
        self._decision: DecisionRecord | None = None
        self._approvals_missing: int | None = None
        self._agreed: set[str] = set()
        self._round = 1
        self._deciding = asyncio.Lock()
        self._compensator: str | None = None
        self._problem: str | None = None
        self._flags = 0
        self._flags_open = 0
        self._steps = Steps(self._show_trouble)
        self._talks = Steps(self._show_trouble)

    def _is_decided(self) -> bool:
        return self._decision is not None

    def _is_over(self) -> bool:
        return self._stage in _OVER

    # What operators see.

    def _enter(self, stage: CancellationStage) -> None:
        self._stage = stage
        workflow.set_current_details(self._details())

    def _show(self, waiting_since: datetime | None) -> None:
        """Tell Temporal's visibility; only where a case lingers, since each call costs an event."""
        updates: list[SearchAttributeUpdate[Any]] = [STAGE.value_set(self._stage)]
        if self._ticket is not None:
            updates.append(TICKET.value_set(str(self._ticket.ticket_number)))
        if waiting_since is not None:
            updates.append(WAITING_SINCE.value_set(waiting_since))
        workflow.upsert_search_attributes(updates)

    async def _show_trouble(self, problem: str | None) -> None:
        if problem is None and (self._steps.troubled or self._talks.troubled):
            return
        self._problem = problem
        workflow.set_current_details(self._details())
        workflow.upsert_search_attributes(
            [STAGE.value_set(self._stage), NEEDS_ATTENTION.value_set(problem is not None)]
        )
        if self._ticket is None:
            return
        self._flags += 1
        step = AttentionStep(**self._step().model_dump(), number=self._flags, problem=problem)
        asyncio.create_task(self._flag(step))  # noqa: RUF006 - the workflow's own loop keeps it

    async def _flag(self, step: AttentionStep) -> None:
        self._flags_open += 1
        try:
            await workflow.execute_activity_method(
                TicketActivities.flag_attention,
                step,
                start_to_close_timeout=FLAG_TIMEOUT,
                retry_policy=FLAG_RETRY,
                summary="Tell the operators" if step.problem else "Take the flag back",
            )
        except FailureError:
            # Search attribute and details say it already; the step itself goes on being retried.
            workflow.logger.warning("attention_flag_not_written")
        finally:
            self._flags_open -= 1

    def _details(self) -> str:
        return describe(
            self._request,
            self._stage,
            self._ticket,
            self._assessment,
            self._decision,
            self._approvals_missing,
            self._problem,
        )

    def _state(self) -> CancellationState:
        return CancellationState(
            cancellation_id=self._request.cancellation_id,
            stage=self._stage,
            ticket_number=self._ticket.ticket_number if self._ticket else None,
            verdict=self._decision.verdict if self._decision else None,
            needs_attention=self._problem,
        )

    def _step(self) -> Step:
        return Step(
            subject_id=self._request.cancellation_id,
            order_id=self._request.order_id,
            at=workflow.now(),
        )

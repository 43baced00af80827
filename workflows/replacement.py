"""ReplacementWorkflow: one leaked key, from its suspension to the new key of its unit."""

import asyncio
from datetime import datetime
from typing import Any, NoReturn

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    from activities.replacement import ReplacementActivities
    from models.decision import Verdict
    from models.ids import SYSTEM_USER
    from models.replacement import (
        ReminderStep,
        ReplacementAttempt,
        ReplacementInput,
        ReplacementOutcome,
        ReplacementStage,
        ReplacementState,
        ReplacementStatus,
        ReplacementStep,
        Settled,
    )
    from models.step import Step
    from workflows.refusal import refuse
    from workflows.replacement_view import describe
    from workflows.search_attributes import NEEDS_ATTENTION, STAGE, WAITING_SINCE
    from workflows.steps import Steps, sleep_until

_ENDED = {
    Verdict.DECLINED: (ReplacementStage.DECLINED, ReplacementStatus.DECLINED),
    Verdict.WITHDRAWN: (ReplacementStage.WITHDRAWN, ReplacementStatus.WITHDRAWN),
    Verdict.EXPIRED: (ReplacementStage.EXPIRED, ReplacementStatus.EXPIRED),
}


@workflow.defn
class ReplacementWorkflow:
    """suspend leaked key → await decision → revoke it and issue a new one."""

    @workflow.init
    def __init__(self, request: ReplacementInput) -> None:
        self._request = request
        self._stage = ReplacementStage.SUSPENDING
        self._settled: Settled | None = None
        self._settling = asyncio.Lock()
        self._stock_retry = False
        self._problem: str | None = None
        self._steps = Steps(self._show_trouble)
        self._talks = Steps(self._show_trouble)

    @workflow.run
    async def run(self, request: ReplacementInput) -> ReplacementOutcome:
        """The story; every line is one durable step."""
        await self._suspend_leaked_key()
        verdict = await self._await_decision(request)
        if verdict is not Verdict.APPROVED:
            return await self._end(*_ENDED[verdict])
        await self._issue_key(request)
        return await self._end(ReplacementStage.COMPLETED, ReplacementStatus.COMPLETED)

    # The steps, in the order of the story.

    async def _suspend_leaked_key(self) -> None:
        await self._steps.run(
            ReplacementActivities.suspend_leaked_key, self._step(), "Suspend the leaked key"
        )

    async def _await_decision(self, request: ReplacementInput) -> Verdict:
        self._enter(ReplacementStage.WAITING_FOR_APPROVAL)
        self._show(waiting=True)
        asked_at = workflow.now()
        await self._remind(request, asked_at)
        deadline = asked_at + request.expire_after
        if not await sleep_until(deadline, self._is_settled, "Final deadline for a decision"):
            ended = ReplacementAttempt(
                id=f"dec_{request.replacement_id.removeprefix('rpl_')}",
                actor_id=SYSTEM_USER,
                verdict=Verdict.EXPIRED,
            )
            await self._settle(ended)
        assert self._settled is not None
        assert self._settled.verdict is not None
        return self._settled.verdict

    async def _remind(self, request: ReplacementInput, asked_at: datetime) -> None:
        """One word after another until somebody decides; the last one reaches the operators as well."""
        for number, after in enumerate(request.remind_after, start=1):
            words = f"Reminder {number} to the approvers"
            if await sleep_until(asked_at + after, self._is_settled, words):
                return
            step = ReminderStep(
                **self._step().model_dump(),
                number=number,
                escalated=number == len(request.remind_after),
            )
            await self._steps.run(
                ReplacementActivities.remind_replacement, step, f"Remind the approvers ({number})"
            )

    async def _issue_key(self, request: ReplacementInput) -> None:
        """However long the pool stays dry: the leaked key is down, and its unit was paid for."""
        wait = request.first_wait
        while True:
            self._enter(ReplacementStage.ISSUING)
            issue = await self._steps.run(
                ReplacementActivities.issue_key, self._step(), "Issue the new key"
            )
            if issue.issued:
                return
            self._enter(ReplacementStage.WAITING_FOR_STOCK)
            await self._show_trouble(f"No product key in stock for {issue.missing_sku}.")
            self._stock_retry = False
            await sleep_until(
                workflow.now() + wait, lambda: self._stock_retry, "Look for a key again"
            )
            wait = min(wait * 2, request.longest_wait)

    async def _end(self, stage: ReplacementStage, status: ReplacementStatus) -> ReplacementOutcome:
        await self._show_trouble(None)
        self._enter(stage)
        self._show()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return ReplacementOutcome(replacement_id=self._request.replacement_id, status=status)

    # What others may say.

    @workflow.update
    async def settle(self, attempt: ReplacementAttempt) -> Settled:
        """Approve, decline or withdraw; the first verdict stands."""
        await workflow.wait_condition(
            lambda: self._stage is not ReplacementStage.SUSPENDING or self._is_settled()
        )
        settled = await self._settle(attempt)
        if settled.verdict is None:
            refuse(settled.refusal_code or "refused", settled.refusal or "A rule forbids it.")
        if settled.attempt_id != attempt.id:
            self._refuse_settled(settled)
        return settled

    @settle.validator
    def _may_settle(self, attempt: ReplacementAttempt) -> None:
        if self._settled is not None:
            self._refuse_settled(self._settled)
        own = attempt.actor_id == self._request.requester_id
        if own and attempt.verdict is not Verdict.WITHDRAWN:
            refuse("own_request", "Whoever asked for a replacement may not decide it.")
        if attempt.verdict is Verdict.EXPIRED:
            refuse("forbidden", "Only time expires.")

    @workflow.signal
    def stock_arrived(self) -> None:
        """The pool was filled up: look for a key at once."""
        self._stock_retry = True

    @workflow.query
    def status(self) -> ReplacementState:
        """Where the replacement is."""
        return ReplacementState(
            replacement_id=self._request.replacement_id,
            stage=self._stage,
            verdict=self._settled.verdict if self._settled else None,
            needs_attention=self._problem,
        )

    async def _settle(self, attempt: ReplacementAttempt) -> Settled:
        async with self._settling:
            if self._settled is not None:
                return self._settled
            step = ReplacementStep(**self._step().model_dump(), attempt=attempt)
            settled = await self._talks.run(
                ReplacementActivities.settle_replacement,
                step,
                f"Record the decision: {attempt.verdict}",
            )
            if settled.verdict is not None:
                self._settled = settled
            return settled

    def _refuse_settled(self, settled: Settled) -> NoReturn:
        refuse(
            "already_decided",
            f"The replacement was settled before: {settled.verdict} by {settled.decided_by}.",
        )

    def _is_settled(self) -> bool:
        return self._settled is not None

    # What operators see.

    def _enter(self, stage: ReplacementStage) -> None:
        self._stage = stage
        workflow.set_current_details(describe(self._request, stage, self._settled, self._problem))

    def _show(self, *, waiting: bool = False) -> None:
        """Tell Temporal's visibility; only where a replacement lingers, since each call costs an event."""
        updates: list[SearchAttributeUpdate[Any]] = [STAGE.value_set(self._stage)]
        if waiting:
            updates.append(WAITING_SINCE.value_set(workflow.now()))
        workflow.upsert_search_attributes(updates)

    async def _show_trouble(self, problem: str | None) -> None:
        if problem == self._problem:
            return
        self._problem = problem
        self._enter(self._stage)
        workflow.upsert_search_attributes(
            [STAGE.value_set(self._stage), NEEDS_ATTENTION.value_set(problem is not None)]
        )

    def _step(self) -> Step:
        return Step(
            subject_id=self._request.replacement_id,
            order_id=self._request.order_id,
            at=workflow.now(),
        )

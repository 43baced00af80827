"""What people may say to a cancellation: decisions, questions, withdrawal, an operator's repair."""

import asyncio
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.decision import DecisionActivities
    from activities.ticket import TicketActivities
    from models.cancellation import (
        OVER,
        Assessment,
        CancellationInput,
        CancellationStage,
        CancellationState,
        OperatorAct,
    )
    from models.decision import DecisionAttempt, DecisionRecord, Verdict
    from models.money import Money
    from models.step import AttentionStep, DecisionStep, Done, NoteStep, Step
    from models.ticket import NoteRef, TicketReceipt
    from workflows.cancellation_view import describe
    from workflows.options import FLAG_RETRY, FLAG_TIMEOUT
    from workflows.refusal import refuse, refuse_decided
    from workflows.search_attributes import NEEDS_ATTENTION, STAGE, TICKET, WAITING_SINCE
    from workflows.steps import Steps

_BEFORE_CREDIT = frozenset({CancellationStage.SUSPENDING_KEY, CancellationStage.BOOKING_CREDIT})
_WAITING = frozenset(
    {CancellationStage.WAITING_FOR_APPROVAL, CancellationStage.WAITING_FOR_REQUESTER}
)
_OVER = frozenset(CancellationStage(status.value) for status in OVER)


class CancellationDesk:
    """The case as people meet it; `CancellationWorkflow` adds the process. Settled once, first wins."""

    def __init__(self, request: CancellationInput) -> None:
        self._request = request
        self._stage = CancellationStage.VALIDATING
        self._assessment: Assessment | None = None
        self._ticket: TicketReceipt | None = None
        self._decision: DecisionRecord | None = None
        self._deciding = asyncio.Lock()
        self._compensator: str | None = None
        self._problem: str | None = None
        self._flags = 0
        self._flags_open = 0
        self._steps = Steps(self._show_trouble)
        self._talks = Steps(self._show_trouble)

    async def _settle(self, attempt: DecisionAttempt) -> DecisionRecord:
        """Record the attempt unless somebody was first; the answer names whose verdict stands."""
        async with self._deciding:
            if self._decision is not None:
                return self._decision
            step = DecisionStep(**self._step().model_dump(), attempt=attempt)
            record = await self._talks.run(
                DecisionActivities.record_decision, step, f"Record the decision: {attempt.verdict}"
            )
            if record.recorded:
                self._decision = record
            return record

    async def _decide(self, attempt: DecisionAttempt) -> DecisionRecord:
        await workflow.wait_condition(
            lambda: self._stage in _WAITING or self._is_decided() or self._is_over()
        )
        if self._is_over() and self._decision is None:
            refuse("case_closed", "The case is closed.")
        record = await self._settle(attempt)
        if not record.recorded:
            refuse(record.refusal_code or "refused", record.refusal or "A rule forbids it.")
        if record.decision_id != attempt.id:
            refuse_decided(record)
        return record

    @workflow.update
    async def approve(self, attempt: DecisionAttempt) -> DecisionRecord:
        """Approve, for the requested amount or less."""
        return await self._decide(attempt)

    @approve.validator
    def _may_approve(self, attempt: DecisionAttempt) -> None:
        self._check_decision(attempt, Verdict.APPROVED)
        self._check_amount(attempt)

    @workflow.update
    async def decline(self, attempt: DecisionAttempt) -> DecisionRecord:
        """Decline; the note says why."""
        return await self._decide(attempt)

    @decline.validator
    def _may_decline(self, attempt: DecisionAttempt) -> None:
        self._check_decision(attempt, Verdict.DECLINED)

    @workflow.update
    async def withdraw(self, attempt: DecisionAttempt) -> DecisionRecord:
        """Take the request back before a decision."""
        return await self._decide(attempt)

    @withdraw.validator
    def _may_withdraw(self, attempt: DecisionAttempt) -> None:
        self._check_undecided()
        if attempt.verdict is not Verdict.WITHDRAWN:
            refuse("wrong_verdict", "This update only withdraws.")

    @workflow.update
    async def ask(self, note: NoteRef) -> Done:
        """Ask the requester a question; the clocks go on."""
        step = NoteStep(**self._step().model_dump(), note=note)
        done = await self._talks.run(TicketActivities.ask_requester, step, "Ask the requester")
        self._require_heard(done)
        if self._stage is CancellationStage.WAITING_FOR_APPROVAL:
            self._enter(CancellationStage.WAITING_FOR_REQUESTER)
            self._show(waiting_since=workflow.now())
        return done

    @ask.validator
    def _may_ask(self, note: NoteRef) -> None:
        self._check_undecided()
        if note.actor_id == self._request.requester_id:
            refuse("own_request", "Whoever asked for a cancellation may not question it.")
        self._check_waiting()

    @workflow.update
    async def answer(self, note: NoteRef) -> Done:
        """Answer a question; the case waits for approval again."""
        step = NoteStep(**self._step().model_dump(), note=note)
        done = await self._talks.run(TicketActivities.take_answer, step, "Take the answer")
        self._require_heard(done)
        if self._stage is CancellationStage.WAITING_FOR_REQUESTER:
            self._enter(CancellationStage.WAITING_FOR_APPROVAL)
            self._show(waiting_since=workflow.now())
        return done

    @answer.validator
    def _may_answer(self, note: NoteRef) -> None:
        del note
        self._check_undecided()
        if self._stage is not CancellationStage.WAITING_FOR_REQUESTER:
            refuse("no_question_open", "No question is open on this case.")

    # Operators.

    @workflow.update
    async def retry(self, act: OperatorAct) -> CancellationState:
        """Start a failing step again at once."""
        del act
        self._steps.retry_now()
        self._talks.retry_now()
        return self._state()

    @retry.validator
    def _may_retry(self, act: OperatorAct) -> None:
        del act
        if self._problem is None:
            refuse("nothing_to_retry", "No step of this case is failing.")

    @workflow.update
    async def compensate(self, act: OperatorAct) -> CancellationState:
        """Give an approved case up before its credit is booked."""
        self._compensator = act.actor_id
        self._steps.abandon()
        await workflow.wait_condition(self._is_over)
        return self._state()

    @compensate.validator
    def _may_compensate(self, act: OperatorAct) -> None:
        if act.actor_id == self._request.requester_id:
            refuse("own_request", "Whoever asked for a cancellation may not end it as an operator.")
        if self._problem is None or self._stage not in _BEFORE_CREDIT:
            refuse(
                "not_compensable", "Only a case that fails before its credit can be compensated."
            )

    @workflow.query
    def status(self) -> CancellationState:
        """Where the case is."""
        return self._state()

    # What validators look at; they change nothing.

    def _check_decision(self, attempt: DecisionAttempt, verdict: Verdict) -> None:
        self._check_undecided()
        if attempt.verdict is not verdict:
            refuse("wrong_verdict", f"This update only says {verdict}.")
        if attempt.actor_id == self._request.requester_id:
            refuse("own_request", "Whoever asked for a cancellation may not decide it.")
        self._check_waiting()

    def _check_waiting(self) -> None:
        if self._stage not in _WAITING:
            refuse("not_waiting", "The case does not wait for a decision yet.")

    def _check_amount(self, attempt: DecisionAttempt) -> None:
        if attempt.amount_minor is None or self._assessment is None:
            return
        if not 0 < attempt.amount_minor <= self._assessment.requested_minor:
            cap = Money(
                amount_minor=self._assessment.requested_minor, currency=self._assessment.currency
            )
            refuse("amount_exceeds_credit", f"The amount must be above zero and at most {cap}.")

    def _require_heard(self, done: Done) -> None:
        """A decision may have been recorded between the validator's look and the book's."""
        if done.done:
            return
        if self._decision is not None:
            refuse_decided(self._decision)
        refuse("not_waiting", "The case does not wait for a decision any more.")

    def _check_undecided(self) -> None:
        if self._decision is not None:
            refuse_decided(self._decision)
        if self._is_over():
            refuse("case_closed", "The case is closed.")

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

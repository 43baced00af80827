"""CancellationWorkflow: one request to take a line back, from the validated window to the revoked key."""

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.cancellation import CancellationActivities
    from activities.credit import CreditActivities
    from activities.product_key import ProductKeyActivities
    from activities.ticket import TicketActivities
    from models.approval import ApprovalMode
    from models.cancellation import (
        Assessment,
        CancellationInput,
        CancellationOutcome,
        CancellationStage,
        CancellationStatus,
    )
    from models.credit import CreditReceipt
    from models.decision import DecisionAttempt, DecisionRecord, Verdict
    from models.ids import POLICY_USER, SYSTEM_USER, purchase_workflow_id
    from models.order import LineClosed
    from models.step import (
        ActedStep,
        NumberedStep,
    )
    from workflows.cancellation_desk import CancellationDesk
    from workflows.steps import StepAbandoned, sleep_until

Nudge = tuple[timedelta, str, Callable[[], Awaitable[None]]]

_ENDED = {
    Verdict.DECLINED: (CancellationStage.DECLINED, CancellationStatus.DECLINED),
    Verdict.WITHDRAWN: (CancellationStage.WITHDRAWN, CancellationStatus.WITHDRAWN),
    Verdict.EXPIRED: (CancellationStage.EXPIRED, CancellationStatus.EXPIRED),
}


@workflow.defn
class CancellationWorkflow(CancellationDesk):
    """validate window → create ticket → await approval → suspend key → credit → revoke key → close ticket."""

    @workflow.init
    def __init__(self, request: CancellationInput) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: CancellationInput) -> CancellationOutcome:
        """The story; every line is one durable step."""
        assessment = await self._validate_window()
        if not assessment.eligible:
            return await self._end(CancellationStage.INELIGIBLE, CancellationStatus.INELIGIBLE)
        await self._create_ticket()
        decision = await self._await_decision(assessment)
        if decision.verdict is not Verdict.APPROVED:
            return await self._end_undone(decision)
        try:
            await self._suspend_key()
            credit = await self._book_credit()
        except StepAbandoned:
            return await self._compensate()
        await self._revoke_key()
        await self._close_ticket()
        return await self._end(CancellationStage.COMPLETED, CancellationStatus.COMPLETED, credit)

    # The steps, in the order of the story.

    async def _validate_window(self) -> Assessment:
        self._enter(CancellationStage.VALIDATING)
        self._assessment = await self._steps.run(
            CancellationActivities.validate_window, self._step(), "Validate the cancellation window"
        )
        return self._assessment

    async def _create_ticket(self) -> None:
        self._enter(CancellationStage.OPENING_TICKET)
        self._ticket = await self._steps.run(
            TicketActivities.create_ticket, self._step(), "Create the ticket"
        )

    async def _await_decision(self, plan: Assessment) -> DecisionRecord:
        """One verdict: the policy's own, a person's, the requester's withdrawal, or the deadline's."""
        if plan.mode is ApprovalMode.AUTOMATIC:
            await self._settle(self._attempt(POLICY_USER, Verdict.APPROVED))
        else:
            await self._await_person(plan)
        assert self._decision is not None
        return self._decision

    async def _await_person(self, plan: Assessment) -> None:
        opened_at = workflow.now()
        self._enter(CancellationStage.WAITING_FOR_APPROVAL)
        self._show(waiting_since=opened_at)
        nudges = deque(self._nudges(plan))
        await self._await_verdict(plan, opened_at, nudges)
        while not await self._stands():
            # The clocks go on as they did before the approval, so nobody is reminded twice.
            await self._await_verdict(plan, opened_at, nudges)

    async def _await_verdict(
        self, plan: Assessment, opened_at: datetime, nudges: deque[Nudge]
    ) -> None:
        while nudges:
            due_after, words, nudge = nudges[0]
            if await sleep_until(opened_at + due_after, self._is_decided, words):
                return
            nudges.popleft()
            await nudge()
        if not await sleep_until(
            opened_at + plan.expire_after, self._is_decided, "Final deadline for a decision"
        ):
            await self._settle(self._attempt(SYSTEM_USER, Verdict.EXPIRED))

    async def _stands(self) -> bool:
        """Wait as long as the approval can be taken back; whether it was not."""
        decision = self._decision
        if decision is None or decision.undo_until is None:
            return decision is not None
        self._enter(CancellationStage.UNDOABLE)
        self._show(waiting_since=None)
        await sleep_until(
            decision.undo_until, lambda: self._decision is None, "Time to take the approval back"
        )
        # An undo that was taken before the time ended is settled first.
        async with self._deciding:
            return self._decision is not None

    def _nudges(self, plan: Assessment) -> list[Nudge]:
        nudges: list[Nudge] = []
        for number, after in enumerate(plan.remind_after, start=1):
            nudges.append((after, f"Reminder {number} to the approvers", self._reminder(number)))
        nudges.append((plan.escalate_after, "Escalation to the operators", self._escalate))
        return nudges

    def _reminder(self, number: int) -> Callable[[], Awaitable[None]]:
        async def remind() -> None:
            step = NumberedStep(**self._step().model_dump(), number=number)
            await self._steps.run(
                TicketActivities.remind_approvers, step, f"Remind the approvers ({number})"
            )

        return remind

    async def _escalate(self) -> None:
        await self._steps.run(TicketActivities.escalate_ticket, self._step(), "Escalate the case")

    async def _suspend_key(self) -> None:
        self._enter(CancellationStage.SUSPENDING_KEY)
        await self._steps.run(
            ProductKeyActivities.suspend_key, self._step(), "Suspend the product key"
        )

    async def _book_credit(self) -> CreditReceipt:
        self._enter(CancellationStage.BOOKING_CREDIT)
        return await self._steps.run(CreditActivities.book_credit, self._step(), "Book the credit")

    async def _revoke_key(self) -> None:
        self._enter(CancellationStage.REVOKING_KEY)
        await self._steps.run(
            ProductKeyActivities.revoke_key, self._step(), "Revoke the product key"
        )

    async def _close_ticket(self) -> None:
        self._enter(CancellationStage.CLOSING_TICKET)
        await self._steps.run(TicketActivities.close_ticket, self._step(), "Close the ticket")

    async def _compensate(self) -> CancellationOutcome:
        """End before the credit: first the case, which no credit can follow, then the key works again."""
        self._enter(CancellationStage.COMPENSATING)
        assert self._compensator is not None
        step = ActedStep(**self._step().model_dump(), actor_id=self._compensator)
        verdict = await self._steps.run(
            CancellationActivities.compensate_cancellation, step, "End the case without a credit"
        )
        if not verdict.compensated:
            # The abandoned booking had committed after all, so the way back is closed: go on.
            credit = await self._book_credit()
            await self._revoke_key()
            await self._close_ticket()
            return await self._end(
                CancellationStage.COMPLETED, CancellationStatus.COMPLETED, credit
            )
        await self._steps.run(
            ProductKeyActivities.reinstate_key, self._step(), "Let the product key work again"
        )
        return await self._end(CancellationStage.COMPENSATED, CancellationStatus.COMPENSATED)

    async def _end_undone(self, decision: DecisionRecord) -> CancellationOutcome:
        assert decision.verdict is not None
        stage, status = _ENDED[decision.verdict]
        return await self._end(stage, status)

    async def _end(
        self,
        stage: CancellationStage,
        status: CancellationStatus,
        credit: CreditReceipt | None = None,
    ) -> CancellationOutcome:
        self._enter(stage)
        self._show(waiting_since=None)
        await self._report_to_purchase(cancelled=credit is not None and credit.line_cancelled)
        await workflow.wait_condition(self._is_quiet)
        return CancellationOutcome(
            cancellation_id=self._request.cancellation_id,
            status=status,
            credit_minor=credit.amount_minor if credit else 0,
            currency=credit.currency if credit else "",
        )

    async def _report_to_purchase(self, *, cancelled: bool) -> None:
        purchase = workflow.get_external_workflow_handle(
            purchase_workflow_id(self._request.order_id)
        )
        try:
            await purchase.signal(
                "cancellation_closed",
                LineClosed(line_id=self._request.line_id, cancelled=cancelled),
            )
        except FailureError:
            # A purchase that is final already needs no report; the book has it all the same.
            workflow.logger.info("purchase_already_closed")

    def _is_quiet(self) -> bool:
        """Nobody is being answered, and no word to the operators is under way."""
        return workflow.all_handlers_finished() and self._flags_open == 0

    def _attempt(self, actor_id: str, verdict: Verdict) -> DecisionAttempt:
        """A decision nobody typed; its id follows from the case, so a retry is the same decision."""
        case = self._request.cancellation_id
        return DecisionAttempt(
            id=f"dec_{case.removeprefix('can_')}",
            cancellation_id=case,
            actor_id=actor_id,
            verdict=verdict,
        )

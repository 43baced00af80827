"""What people may say to a cancellation: decisions, questions, withdrawal, an operator's repair."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.approval import ApprovalActivities
    from activities.decision import DecisionActivities
    from activities.ticket import TicketActivities
    from activities.undo import UndoActivities
    from models.cancellation import (
        CancellationStage,
        CancellationState,
        OperatorAct,
    )
    from models.decision import DecisionAttempt, DecisionRecord, Verdict
    from models.money import Money
    from models.step import DecisionStep, Done, NoteStep, UndoStep
    from models.ticket import NoteRef
    from models.undo import UndoAttempt, UndoRecord
    from rules.undo import may_undo
    from workflows.cancellation_case import CancellationCase
    from workflows.refusal import refuse, refuse_decided

_BEFORE_CREDIT = frozenset({CancellationStage.SUSPENDING_KEY, CancellationStage.BOOKING_CREDIT})
_WAITING = frozenset(
    {CancellationStage.WAITING_FOR_APPROVAL, CancellationStage.WAITING_FOR_REQUESTER}
)


class CancellationDesk(CancellationCase):
    """The case as people meet it; `CancellationWorkflow` adds the process. Settled once, first wins."""

    async def _settle(self, attempt: DecisionAttempt) -> DecisionRecord:
        """Record the attempt unless somebody was first; the answer names whose verdict stands."""
        async with self._deciding:
            if self._decision is not None:
                return self._decision
            if self._takes_several(attempt):
                approved = await self._record_approval(attempt)
                if not approved.recorded or approved.approvals_missing:
                    return approved
            record = await self._talks.run(
                DecisionActivities.record_decision,
                self._decision_step(attempt),
                f"Record the decision: {attempt.verdict}",
            )
            if record.recorded:
                self._decision = record
                self._agreed.add(attempt.actor_id)
            return record

    def _decision_step(self, attempt: DecisionAttempt) -> DecisionStep:
        return DecisionStep(**self._step().model_dump(), attempt=attempt, round_number=self._round)

    def _takes_several(self, attempt: DecisionAttempt) -> bool:
        needed = self._assessment.approvals_needed if self._assessment else 1
        return attempt.verdict is Verdict.APPROVED and needed > 1

    async def _record_approval(self, attempt: DecisionAttempt) -> DecisionRecord:
        """Note one of several approvals; the one that makes them enough settles the case as its verdict."""
        approval = await self._talks.run(
            ApprovalActivities.record_approval,
            self._decision_step(attempt),
            "Record one of several approvals",
        )
        if approval.recorded:
            self._approvals_missing = approval.missing
            self._agreed.add(attempt.actor_id)
            workflow.set_current_details(self._details())
        return DecisionRecord(
            recorded=approval.recorded,
            approvals_missing=approval.missing,
            refusal_code=approval.refusal_code,
            refusal=approval.refusal,
        )

    async def _decide(self, attempt: DecisionAttempt) -> DecisionRecord:
        await workflow.wait_condition(
            lambda: self._stage in _WAITING or self._is_decided() or self._is_over()
        )
        if self._is_over() and self._decision is None:
            refuse("case_closed", "The case is closed.")
        record = await self._settle(attempt)
        if not record.recorded:
            refuse(record.refusal_code or "refused", record.refusal or "A rule forbids it.")
        if not record.approvals_missing and record.decision_id != attempt.id:
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
    async def undo(self, attempt: UndoAttempt) -> UndoRecord:
        """Take an approval back before anything irreversible is done; the case waits for a decision again."""
        async with self._deciding:
            # While this waited, the time may have ended or somebody else may have taken it back.
            self._may_undo(attempt)
            step = UndoStep(**self._step().model_dump(), attempt=attempt)
            record = await self._talks.run(
                UndoActivities.record_undo, step, "Take the approval back"
            )
            if not record.recorded:
                refuse(record.refusal_code or "refused", record.refusal or "A rule forbids it.")
            self._wait_again()
            return record

    @undo.validator
    def _may_undo(self, attempt: UndoAttempt) -> None:
        decision = self._decision
        if decision is None or decision.decision_id != attempt.decision_id:
            refuse("undo_closed", "This approval does not stand any more.")
        until = decision.undo_until if self._stage is CancellationStage.UNDOABLE else None
        refusal = may_undo(attempt.actor_id, self._agreed, until, workflow.now())
        if refusal is not None:
            refuse(refusal.code, refusal.sentence)

    def _wait_again(self) -> None:
        """The next verdict is another round's: nobody's approval of this one counts in it."""
        self._decision = None
        self._approvals_missing = None
        self._agreed.clear()
        self._round += 1
        self._enter(CancellationStage.WAITING_FOR_APPROVAL)
        self._show(waiting_since=workflow.now())

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

"""The verbs outsiders may say; the only code that starts or updates workflows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.concurrency import run_in_threadpool
from temporalio.client import Client

from models.cancellation import (
    Cancellation,
    CancellationRequest,
    CancellationState,
    OperatorAct,
)
from models.decision import DecisionAttempt, DecisionDraft, DecisionRecord, Verdict
from models.errors import Forbidden, KeydeskError, NotFound, Stale
from models.ids import purchase_workflow_id
from models.invitation import InvitationUse
from models.order import Order, OrderDraft, PurchaseState
from models.principal import Principal
from models.receipt import Receipt
from models.step import Done
from models.ticket import Audience, NoteRef, TicketKind, TicketNote
from models.undo import UndoAttempt, UndoRecord
from portal.decision import attempt_of, since
from portal.engine import Engine
from portal.inquiry import InquiryDesk
from portal.lookup import Lookup
from portal.replacement import ReplacementDesk
from rules.permission import Act, require, require_internal
from storage import cancellation as cancellation_book
from storage import decision, order, ticket_note
from storage.engine import Database
from storage.receipt import forget_receipt
from workflows.cancellation import CancellationWorkflow
from workflows.purchase import PurchaseWorkflow


class Desk:
    """One verb, one method. Every door comes through here, so role and scope are checked here, once."""

    def __init__(self, database: Database, client: Client, task_queue: str) -> None:
        self.database = database
        self.find = Lookup(database)
        self.engine = Engine(database, client, task_queue)
        self.inquiries = InquiryDesk(database, self.find)
        self.replacements = ReplacementDesk(database, self.engine, self.find)

    async def place_order(self, draft: OrderDraft, receipt: Receipt, principal: Principal) -> Order:
        """Write the order and start its purchase."""
        async with self._keeping(receipt):
            require(principal, Act.PLACE_ORDER)
            await self.find.customer(principal, draft.customer_id)
            await self.engine.require_up()
            await run_in_threadpool(
                order.place_order,
                self.database,
                draft,
                receipt.resource_id,
                principal,
                receipt.received_at,
            )
        await self.engine.start_purchase(receipt.resource_id)
        return await self.find_order(receipt.resource_id)

    @asynccontextmanager
    async def _keeping(self, receipt: Receipt) -> AsyncIterator[None]:
        """Keep the request's first instant over our own faults, but not over a refusal."""
        try:
            yield
        except KeydeskError as error:
            if error.permanent:
                await run_in_threadpool(forget_receipt, self.database, receipt.resource_id)
            raise

    async def request_cancellation(
        self, request: CancellationRequest, receipt: Receipt, principal: Principal
    ) -> Cancellation:
        """Write the request if the rule grants it, and start its process."""
        async with self._keeping(receipt):
            require(principal, Act.REQUEST_CANCELLATION)
            order_id = await self.find.order_of_software(principal, request.software_id)
            await self.engine.require_up()
            await run_in_threadpool(
                cancellation_book.receive_cancellation,
                self.database,
                request,
                receipt.resource_id,
                order_id,
                principal,
                receipt.received_at,
            )
        await self.engine.start_cancellation(receipt.resource_id)
        return await self.find.cancellation(principal, receipt.resource_id)

    async def decide(
        self,
        cancellation_id: str,
        draft: DecisionDraft,
        receipt: Receipt,
        principal: Principal,
        use: InvitationUse | None = None,
    ) -> DecisionRecord:
        """Approve for the requested amount or less, or decline; whoever came by an invitation spends it."""
        require(principal, Act.DECIDE)
        case = await self.find.cancellation(principal, cancellation_id)
        cancellation_book.require_amount(draft.amount, case.requested_amount.currency)
        attempt = attempt_of(case, receipt, principal, Verdict(draft.verdict)).model_copy(
            update={
                "amount_minor": None if draft.amount is None else draft.amount.amount_minor,
                "reason_code": await self._decline_reason(case, draft),
                "on_behalf_of": draft.on_behalf_of,
                "revision": draft.revision,
            }
        )
        try:
            return await self._settle(case, attempt, draft.note, receipt, use)
        except Stale as refusal:
            await run_in_threadpool(forget_receipt, self.database, receipt.resource_id)
            raise await since(self.database, case, draft.revision, refusal) from refusal

    async def _decline_reason(self, case: Cancellation, draft: DecisionDraft) -> str | None:
        if draft.verdict != "declined":
            return None
        return await run_in_threadpool(
            decision.decline_reason, self.database, case.id, draft.reason_code
        )

    async def withdraw(
        self, cancellation_id: str, note: str | None, receipt: Receipt, principal: Principal
    ) -> DecisionRecord:
        """Take a request back before it is decided."""
        require(principal, Act.WITHDRAW_CANCELLATION)
        case = await self.find.cancellation(principal, cancellation_id)
        attempt = attempt_of(case, receipt, principal, Verdict.WITHDRAWN)
        return await self._settle(case, attempt, note, receipt)

    async def _settle(
        self,
        case: Cancellation,
        attempt: DecisionAttempt,
        note: str | None,
        receipt: Receipt,
        use: InvitationUse | None = None,
    ) -> DecisionRecord:
        await self.engine.require_up()
        await run_in_threadpool(
            decision.note_attempt, self.database, attempt, note, receipt.received_at, use
        )
        update = {
            Verdict.APPROVED: CancellationWorkflow.approve,
            Verdict.DECLINED: CancellationWorkflow.decline,
            Verdict.WITHDRAWN: CancellationWorkflow.withdraw,
        }[attempt.verdict]
        return await self.engine.update(case.workflow_id, update, attempt, attempt.id)

    async def undo(
        self, cancellation_id: str, decision_id: str, receipt: Receipt, principal: Principal
    ) -> UndoRecord:
        """Take an approval back while nothing was done for it."""
        require(principal, Act.DECIDE)
        case = await self.find.cancellation(principal, cancellation_id)
        attempt = UndoAttempt(
            id=receipt.resource_id,
            cancellation_id=case.id,
            decision_id=decision_id,
            actor_id=principal.user_id,
        )
        update = CancellationWorkflow.undo
        return await self.engine.update(case.workflow_id, update, attempt, attempt.id)

    async def ask(
        self, ticket_id: str, text: str, receipt: Receipt, principal: Principal
    ) -> TicketNote:
        """Ask a question on the ticket: the requester of a cancellation, or who opened an inquiry."""
        require(principal, Act.HANDLE_TICKET)
        if await self.find.kind_of_ticket(principal, ticket_id) is TicketKind.INQUIRY:
            return await self.inquiries.ask(ticket_id, text, receipt, principal)
        require(principal, Act.DECIDE)
        return await self._converse(ticket_id, text, receipt, principal, question=True)

    async def answer(
        self, ticket_id: str, text: str, receipt: Receipt, principal: Principal
    ) -> TicketNote:
        """Answer the open question."""
        require(principal, Act.ANSWER_INQUIRY)
        if await self.find.kind_of_ticket(principal, ticket_id) is TicketKind.INQUIRY:
            return await self.inquiries.answer(ticket_id, text, receipt, principal)
        require(principal, Act.ANSWER)
        return await self._converse(ticket_id, text, receipt, principal, question=False)

    async def _converse(
        self, ticket_id: str, text: str, receipt: Receipt, principal: Principal, *, question: bool
    ) -> TicketNote:
        """Store the text as a note first: only its id travels through the process engine."""
        case = await self.find.case_of_ticket(principal, ticket_id)
        await self.engine.require_up()
        if question and case.requester_id == principal.user_id:
            raise Forbidden("own_request", "Whoever asked for a cancellation may not question it.")
        await self._require_conversation(principal, ticket_id, receipt, question=question)
        note = await self.write_note(ticket_id, Audience.PARTNER, text, receipt, principal)
        update = CancellationWorkflow.ask if question else CancellationWorkflow.answer
        reference = NoteRef(note_id=note.id, actor_id=principal.user_id)
        done: Done = await self.engine.update(case.workflow_id, update, reference, note.id)
        assert done.done
        return note

    async def _require_conversation(
        self, principal: Principal, ticket_id: str, receipt: Receipt, *, question: bool
    ) -> None:
        def check() -> None:
            with self.database.reading() as connection:
                ticket_note.require_conversation(
                    connection, principal, ticket_id, receipt.resource_id, question=question
                )

        await run_in_threadpool(check)

    async def write_note(
        self,
        ticket_id: str,
        audience: Audience,
        text: str,
        receipt: Receipt,
        principal: Principal,
    ) -> TicketNote:
        """Add a note to a ticket; an internal one only by house staff."""
        require(principal, Act.WRITE_NOTE)
        if audience is Audience.INTERNAL:
            require_internal(principal)
        note = TicketNote(
            id=receipt.resource_id,
            author_id=principal.user_id,
            audience=audience,
            text=text,
            written_at=receipt.received_at,
        )
        await run_in_threadpool(ticket_note.write_note, self.database, principal, ticket_id, note)
        return note

    async def retry_cancellation(
        self, cancellation_id: str, receipt: Receipt, principal: Principal
    ) -> CancellationState:
        """Operator: try a failing step again at once."""
        require(principal, Act.REPAIR)
        case = await self.find.cancellation(principal, cancellation_id)
        return await self.engine.update(
            case.workflow_id,
            CancellationWorkflow.retry,
            OperatorAct(act_id=receipt.resource_id, actor_id=principal.user_id),
            receipt.resource_id,
        )

    async def compensate_cancellation(
        self, cancellation_id: str, receipt: Receipt, principal: Principal
    ) -> CancellationState:
        """Operator: give an approved case up before its credit is booked."""
        require(principal, Act.REPAIR)
        case = await self.find.cancellation(principal, cancellation_id)
        await self.find.no_conflict(principal, case, receipt.received_at)
        return await self.engine.update(
            case.workflow_id,
            CancellationWorkflow.compensate,
            OperatorAct(act_id=receipt.resource_id, actor_id=principal.user_id),
            receipt.resource_id,
        )

    async def retry_purchase(
        self, order_id: str, receipt: Receipt, principal: Principal
    ) -> PurchaseState:
        """Operator: look for keys, or try the failing step, again at once."""
        return await self._repair(order_id, PurchaseWorkflow.retry, receipt, principal)

    async def compensate_purchase(
        self, order_id: str, receipt: Receipt, principal: Principal
    ) -> PurchaseState:
        """Operator: give an order up that waits for keys; its charge is reversed."""
        return await self._repair(order_id, PurchaseWorkflow.compensate, receipt, principal)

    async def _repair(
        self, order_id: str, update: Any, receipt: Receipt, principal: Principal
    ) -> PurchaseState:
        require(principal, Act.REPAIR)
        order = await self.find_order(order_id)
        if not principal.covers(order.partner_id, order.customer_id):
            raise NotFound("order")
        act = OperatorAct(act_id=receipt.resource_id, actor_id=principal.user_id)
        workflow_id = purchase_workflow_id(order_id)
        state: PurchaseState = await self.engine.update(workflow_id, update, act, act.act_id)
        return state

    async def find_order(self, order_id: str) -> Order:
        """The order as it stands now."""
        return await self.find.order(order_id)

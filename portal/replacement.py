"""What the desk does about a leaked key: suspend or reinstate it, and have it replaced by two people."""

from starlette.concurrency import run_in_threadpool

from models.decision import Verdict
from models.errors import KeydeskError, NotFound
from models.ids import replacement_workflow_id
from models.principal import Principal
from models.product_key import KeyActRequest
from models.receipt import Receipt
from models.replacement import Replacement, ReplacementAttempt
from models.step import Step
from portal.engine import Engine
from portal.lookup import Lookup
from rules.permission import Act, require
from storage import key_suspension, replacement, replacement_decision, replacement_view
from storage.engine import Database
from storage.receipt import forget_receipt
from workflows.replacement import ReplacementWorkflow

_TOO_LATE = ("already_decided", "case_closed")


class ReplacementDesk:
    """One verb, one method; role and scope are checked here, as at the desk that it belongs to."""

    def __init__(self, database: Database, engine: Engine, find: Lookup) -> None:
        self._database = database
        self._engine = engine
        self._find = find

    async def suspend_key(
        self, software_id: str, request: KeyActRequest, receipt: Receipt, principal: Principal
    ) -> None:
        """Operator: stop one key because a leak is suspected."""
        await self._move(
            key_suspension.suspend_single_key, software_id, request, receipt, principal
        )

    async def reinstate_key(
        self, software_id: str, request: KeyActRequest, receipt: Receipt, principal: Principal
    ) -> None:
        """Operator: let it work again."""
        await self._move(
            key_suspension.reinstate_single_key, software_id, request, receipt, principal
        )

    async def _move(
        self,
        move: key_suspension.Move,
        software_id: str,
        request: KeyActRequest,
        receipt: Receipt,
        principal: Principal,
    ) -> None:
        require(principal, Act.SUSPEND_KEY)
        order_id = await self._find.order_of_software(principal, software_id)
        act = Step(subject_id=receipt.resource_id, order_id=order_id, at=receipt.received_at)
        await run_in_threadpool(move, self._database, request, software_id, act, principal)

    async def request(
        self, software_id: str, request: KeyActRequest, receipt: Receipt, principal: Principal
    ) -> Replacement:
        """Write the request and start its process."""
        try:
            require(principal, Act.REQUEST_REPLACEMENT)
            order_id = await self._find.order_of_software(principal, software_id)
            await self._engine.require_up()
            await run_in_threadpool(
                replacement.request_replacement,
                self._database,
                request,
                software_id,
                receipt.resource_id,
                order_id,
                principal,
                receipt.received_at,
            )
        except KeydeskError as error:
            if error.permanent:
                await run_in_threadpool(forget_receipt, self._database, receipt.resource_id)
            raise
        await self._engine.start_replacement(receipt.resource_id)
        return await self.find(principal, receipt.resource_id)

    async def decide(
        self,
        replacement_id: str,
        verdict: Verdict,
        note: str | None,
        receipt: Receipt,
        principal: Principal,
    ) -> Replacement:
        """Approve or decline; never by the requester."""
        require(principal, Act.DECIDE)
        return await self._settle(replacement_id, verdict, note, receipt, principal)

    async def withdraw(
        self, replacement_id: str, receipt: Receipt, principal: Principal
    ) -> Replacement:
        """Take one's request back before it is decided; the key works again."""
        require(principal, Act.REQUEST_REPLACEMENT)
        return await self._settle(replacement_id, Verdict.WITHDRAWN, None, receipt, principal)

    async def _settle(
        self,
        replacement_id: str,
        verdict: Verdict,
        note: str | None,
        receipt: Receipt,
        principal: Principal,
    ) -> Replacement:
        await self.find(principal, replacement_id)
        attempt = ReplacementAttempt(
            id=receipt.resource_id, actor_id=principal.user_id, verdict=verdict
        )
        await run_in_threadpool(
            replacement_decision.note_attempt,
            self._database,
            replacement_id,
            attempt,
            note,
            receipt.received_at,
        )
        workflow_id = replacement_workflow_id(replacement_id)
        try:
            await self._engine.update(workflow_id, ReplacementWorkflow.settle, attempt, attempt.id)
        except KeydeskError as refusal:
            # A process that ended no longer answers; the very request that settled it is answered by the book.
            if refusal.code not in _TOO_LATE or not await self._was(attempt, replacement_id):
                raise
        return await self.find(principal, replacement_id)

    async def _was(self, attempt: ReplacementAttempt, replacement_id: str) -> bool:
        def read() -> bool:
            with self._database.reading() as connection:
                return replacement_decision.is_settled_by(connection, replacement_id, attempt.id)

        return await run_in_threadpool(read)

    async def find(self, principal: Principal, replacement_id: str) -> Replacement:
        """One replacement within the caller's sight."""

        def read() -> Replacement | None:
            with self._database.reading() as connection:
                return replacement_view.find_replacement(connection, principal, replacement_id)

        found = await run_in_threadpool(read)
        if found is None:
            raise NotFound("replacement")
        return found

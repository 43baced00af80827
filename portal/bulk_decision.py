"""Many decisions with one reason: each through the verb that decides one, a few at once, none held up by another."""

import asyncio
import hashlib

from fastapi import Request

from models.approval import Approval
from models.bulk_decision import BulkDecision, BulkDecisionDraft, TicketAnswer, TicketSeen
from models.decision import Decision
from models.ids import Prefix
from models.principal import Principal
from models.receipt import Receipt
from portal import problems
from portal.decision import settled
from portal.desk import Desk

AT_ONCE = 8
_ID_DIGITS = 32


async def decide_all(
    desk: Desk, draft: BulkDecisionDraft, receipt: Receipt, caller: Principal, request: Request
) -> BulkDecision:
    """Every ticket's answer; a repeat under the same receipt finds what is done and does the rest."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def in_turn(seen: TicketSeen) -> TicketAnswer:
        async with turn:
            try:
                return await _decide(desk, draft, seen, receipt, caller)
            except Exception as error:
                # One ticket's trouble is not the others'.
                return _refused(seen, request, error)

    answers = await asyncio.gather(*map(in_turn, draft.tickets))
    return BulkDecision(
        id=receipt.resource_id,
        settled=sum(answer.problem is None for answer in answers),
        tickets=tuple(answers),
    )


async def _decide(
    desk: Desk, draft: BulkDecisionDraft, seen: TicketSeen, receipt: Receipt, caller: Principal
) -> TicketAnswer:
    own = receipt.model_copy(update={"resource_id": decision_id(receipt, seen.ticket_id)})
    case_id = (await desk.find.case_of_ticket(caller, seen.ticket_id)).id
    attempt = desk.decide(case_id, draft.draft_for(seen), own, caller)
    answer: Decision | Approval = await settled(desk.database, case_id, own, attempt)
    if isinstance(answer, Approval):
        return TicketAnswer(ticket_id=seen.ticket_id, status=202, approval=answer)
    return TicketAnswer(ticket_id=seen.ticket_id, status=201, decision=answer)


def decision_id(receipt: Receipt, ticket_id: str) -> str:
    """The id of one ticket's decision: the same for every repeat, another for every ticket."""
    told = hashlib.sha256(f"{receipt.resource_id}/{ticket_id}".encode())
    return f"{Prefix.DECISION}_{told.hexdigest()[:_ID_DIGITS]}"


def _refused(seen: TicketSeen, request: Request, error: Exception) -> TicketAnswer:
    told = problems.told(request, error)
    return TicketAnswer(
        ticket_id=seen.ticket_id,
        status=told.http_status,
        problem=problems.document(request, told),
    )

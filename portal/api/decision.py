"""Decisions over the API: approving or declining the case behind a ticket, and taking an approval back."""

from typing import Annotated

from fastapi import Header, Response

from models.approval import Approval
from models.decision import Decision, DecisionDraft
from models.ids import Prefix
from models.principal import Principal
from models.text import Identifier
from portal.auth import allow
from portal.decision import settled, undone
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.problems import FieldProblem, InvalidFields
from portal.state import State
from rules.permission import Act

router = door("tickets")

IfMatch = Annotated[
    str | None,
    Header(
        pattern=r'^"[0-9]{1,18}"$',
        description="The `revision` of the case as you saw it, in quotes; the same as in the body.",
    ),
]


@router.post(
    "/tickets/{ticket_id}/decisions",
    status_code=201,
    summary="Approve or decline",
    responses={202: {"model": Approval, "description": "Approved, and more people are asked."}},
)
async def decide(
    ticket_id: Identifier,
    draft: DecisionDraft,
    caller: Annotated[Principal, allow(Act.DECIDE)],
    state: State,
    response: Response,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.DECISION)],
    if_match: IfMatch = None,
) -> Decision | Approval:
    """Settles the case; never by its requester, and only once: the first verdict stands.

    Where the policy asks for several people, an approval answers 202 until the last of them agrees; the amount is
    then the lowest that any of them granted. One decline settles it. With the revision of the case as the approver
    saw it, a case that has moved since answers 412 `stale_view` with its `changes`, and nothing is decided.
    """
    seen = _as_seen(draft, if_match)
    receipt = await take_receipt()
    case_id = (await state.desk.find.case_of_ticket(caller, ticket_id)).id
    attempt = state.desk.decide(case_id, seen, receipt, caller)
    answer = await settled(state.database, case_id, receipt, attempt)
    if isinstance(answer, Approval):
        response.status_code = 202
    return answer


@router.post(
    "/tickets/{ticket_id}/decisions/{decision_id}/undo",
    status_code=201,
    summary="Take an approval back",
)
async def undo(
    ticket_id: Identifier,
    decision_id: Identifier,
    caller: Annotated[Principal, allow(Act.DECIDE)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.UNDO)],
) -> Decision:
    """Until the decision's `undo_until`, by anybody who approved the case; it then waits for a decision again.

    The decision stays on record with its `undo`. A decline ends the case at once and cannot be taken back.
    """
    receipt = await take_receipt()
    case_id = (await state.desk.find.case_of_ticket(caller, ticket_id)).id
    attempt = state.desk.undo(case_id, decision_id, receipt, caller)
    return await undone(state.database, case_id, decision_id, receipt, attempt)


def _as_seen(draft: DecisionDraft, if_match: str | None) -> DecisionDraft:
    """The draft with the one revision that header and body name."""
    if if_match is None:
        return draft
    revision = int(if_match.strip('"'))
    if draft.revision not in (None, revision):
        detail = "names another revision than the body"
        problem = FieldProblem(pointer="/header/If-Match", detail=detail)
        raise InvalidFields("invalid_request", [problem])
    return draft.model_copy(update={"revision": revision})

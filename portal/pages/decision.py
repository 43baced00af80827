"""The pages to decide a case: of its ticket, and behind the link in a mail. Opening either decides nothing."""

import hashlib
import uuid
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Request, Response
from starlette.concurrency import run_in_threadpool

from models.brief import Brief
from models.decision import Decision
from models.errors import KeydeskError, Refused
from models.ids import Prefix
from models.invitation import InvitationState, InvitationUse
from models.principal import Principal
from models.receipt import Receipt
from models.text import Identifier
from portal.auth import signed_in
from portal.decision import settled, undone
from portal.decision_form import Action, DecisionForm, draft_of, read_decision_form
from portal.invitation import OpenedInvitation
from portal.language import language_of
from portal.page import go_on, page_router, read_form
from portal.pages.template import page
from portal.state import PortalState, State
from rules.permission import Act
from storage.brief import read_brief
from storage.cancellation_view import find_decision
from storage.presence import note_presence
from storage.principal import names_of
from storage.receipt import take_receipt

router = page_router()

Reader = Annotated[Principal, signed_in(Act.READ_BRIEF)]
Decider = Annotated[Principal, signed_in(Act.DECIDE)]
TicketId = Annotated[Identifier, Path()]

_STATUS = {
    InvitationState.FOR_ANOTHER: HTTPStatus.FORBIDDEN,
    InvitationState.USED: HTTPStatus.GONE,
    InvitationState.EXPIRED: HTTPStatus.GONE,
    InvitationState.STALE: HTTPStatus.PRECONDITION_FAILED,
}


@router.get("/tickets/{ticket_id}/decision")
async def read_decision(
    request: Request, ticket_id: TicketId, reader: Reader, state: State
) -> Response:
    """All that a decision needs, and the forms for it where the reader may decide."""
    return await _show(request, state, reader, ticket_id)


@router.post("/tickets/{ticket_id}/decision")
async def decide(request: Request, ticket_id: TicketId, decider: Decider, state: State) -> Response:
    """Approve, decline, ask or take an approval back; then back to the page, which says what became of it."""
    return await _take(request, state, decider, ticket_id, None)


@router.get("/decide/{token}")
async def open_invitation(request: Request, token: str, reader: Reader, state: State) -> Response:
    """The same page for the person whom the mail was for, while the case is as the mail says."""
    opened = await state.invitations.open(token, reader)
    if opened.state is not InvitationState.OPEN:
        return await _closed(request, state, reader, opened)
    return await _show(request, state, reader, opened.use.invitation.ticket_id)


@router.post("/decide/{token}")
async def decide_by_invitation(
    request: Request, token: str, decider: Decider, state: State
) -> Response:
    """The same, once; a question uses nothing up, but moves the case on."""
    opened = await state.invitations.open(token, decider)
    if opened.state is not InvitationState.OPEN:
        return await _closed(request, state, decider, opened)
    return await _take(request, state, decider, opened.use.invitation.ticket_id, opened.use)


async def _take(
    request: Request,
    state: PortalState,
    decider: Principal,
    ticket_id: str,
    use: InvitationUse | None,
) -> Response:
    """A refusal is told on the page, beside the case as it stands then; a fault of ours is not."""
    fields = await read_form(request)
    try:
        form = read_decision_form(fields)
        await _act(request, state, decider, ticket_id, form, use)
    except KeydeskError as refusal:
        if refusal.http_status in (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN):
            raise
        if refusal.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return await _show(request, state, decider, ticket_id, refusal=refusal, fields=fields)
    return go_on(f"/tickets/{ticket_id}/decision")


async def _act(
    request: Request,
    state: PortalState,
    decider: Principal,
    ticket_id: str,
    form: DecisionForm,
    use: InvitationUse | None,
) -> None:
    case = await state.desk.find.case_of_ticket(decider, ticket_id)
    if form.action is Action.ASK:
        receipt = await _receipt(request, state, decider, form, Prefix.NOTE)
        assert form.text is not None, "the form was read"
        await state.desk.ask(ticket_id, form.text, receipt, decider)
        return
    if form.action is Action.UNDO:
        if case.decision_id is None:
            raise Refused("undo_closed", "There is no approval to take back.")
        receipt = await _receipt(request, state, decider, form, Prefix.UNDO)
        undo = state.desk.undo(case.id, case.decision_id, receipt, decider)
        await undone(state.database, case.id, case.decision_id, receipt, undo)
        return
    draft = draft_of(form, case.requested_amount.currency)
    receipt = await _receipt(request, state, decider, form, Prefix.DECISION)
    attempt = state.desk.decide(case.id, draft, receipt, decider, use)
    await settled(state.database, case.id, receipt, attempt)


async def _receipt(
    request: Request, state: PortalState, decider: Principal, form: DecisionForm, prefix: Prefix
) -> Receipt:
    """Sent twice, it is one request; filled in anew on the same page after a refusal, it is another one."""
    body = hashlib.sha256(form.model_dump_json().encode()).digest()
    return await run_in_threadpool(
        take_receipt,
        state.database,
        principal_id=decider.user_id,
        route=f"POST {request.url.path}",
        key=f"{form.key}:{body.hex()[:16]}",
        body_sha256=body,
        prefix=prefix,
        at=state.clock(),
    )


async def _closed(
    request: Request, state: PortalState, reader: Principal, opened: OpenedInvitation
) -> Response:
    """Why this link decides nothing; what changed is told to the person whom the mail was for."""
    invitation = opened.use.invitation
    brief = None
    if opened.state is InvitationState.STALE:
        brief = await _brief(request, state, reader, invitation.ticket_id, invitation.revision)
    answer = page(request, "invitation", state=opened.state, invitation=invitation, brief=brief)
    answer.status_code = _STATUS[opened.state]
    return answer


async def _show(
    request: Request,
    state: PortalState,
    reader: Principal,
    ticket_id: str,
    *,
    refusal: KeydeskError | None = None,
    fields: dict[str, str] | None = None,
) -> Response:
    brief = await _brief(request, state, reader, ticket_id)
    decision, decider = await _decision(state, brief.cancellation.id)
    answer = page(
        request,
        "decision",
        brief=brief,
        decision=decision,
        decider=decider,
        refusal=refusal,
        fields=fields or {},
        wrong={error["pointer"] for error in _errors(refusal)},
        key=uuid.uuid4().hex,
    )
    if refusal is not None:
        answer.status_code = refusal.http_status
    return answer


async def _brief(
    request: Request,
    state: PortalState,
    reader: Principal,
    ticket_id: str,
    since: int | None = None,
) -> Brief:
    """As the API gives it; whoever reads it is seen by the others."""

    def read() -> Brief:
        at = state.clock()
        note_presence(state.database, reader, ticket_id, at)
        with state.database.reading() as connection:
            return read_brief(
                connection,
                reader,
                ticket_id,
                at,
                state.pattern,
                since=since,
                language=language_of(request),
            )

    return await run_in_threadpool(read)


async def _decision(state: PortalState, cancellation_id: str) -> tuple[Decision | None, str]:
    """The verdict, if there is one, and the name of whose it is."""

    def read() -> tuple[Decision | None, str]:
        with state.database.reading() as connection:
            found = find_decision(connection, cancellation_id)
            if found is None:
                return None, ""
            return found, names_of(connection, [found.decided_by])[found.decided_by]

    return await run_in_threadpool(read)


def _errors(refusal: KeydeskError | None) -> list[dict[str, Any]]:
    errors: list[dict[str, Any]] = [] if refusal is None else refusal.facts.get("errors", [])
    return errors

"""Attachments of tickets over the API: adding one file, listing, taking the bytes, withdrawing."""

from typing import Annotated, Any, Literal

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from models.attachment import Attachment
from models.base import Value
from models.ids import Prefix
from models.principal import Principal
from models.text import Identifier
from models.ticket import Audience
from portal.auth import allow
from portal.door import StreamRoute, door
from portal.idempotency import TakeReceipt, idempotent
from portal.multipart import MEDIA_TYPE, received_file
from portal.state import State
from rules.permission import Act
from storage import attachment

router = door("tickets")
uploads = door("tickets", StreamRoute)

Reader = Annotated[Principal, allow(Act.READ_TICKET)]
Writer = Annotated[Principal, allow(Act.WRITE_NOTE)]

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


class Attachments(Value):
    """All of a ticket's that the caller may see."""

    items: tuple[Attachment, ...]


@uploads.post(
    "/tickets/{ticket_id}/attachments",
    status_code=201,
    summary="Attach a file",
    openapi_extra=_FORM,
)
async def attach(
    ticket_id: Identifier,
    caller: Writer,
    state: State,
    request: Request,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ATTACHMENT)],
    audience: Literal[Audience.INTERNAL, Audience.PARTNER] = Audience.PARTNER,
) -> Attachment:
    """One file as the part `file`; five to a ticket at a time. PDF, PNG, JPEG, GIF, WebP or text, by its bytes.

    The name is kept to be read, with an ending that agrees with the bytes. Nothing is scanned for viruses here.
    """
    desk = state.attachments
    await run_in_threadpool(desk.require_open, ticket_id, audience, caller)
    async with received_file(request, desk.limit_bytes) as upload:
        receipt = await take_receipt(bytes.fromhex(upload.sha256))
        return await run_in_threadpool(desk.attach, ticket_id, audience, upload, receipt, caller)


@router.get("/tickets/{ticket_id}/attachments", summary="List the attachments of a ticket")
def list_attachments(ticket_id: Identifier, caller: Reader, state: State) -> Attachments:
    """Oldest first, with their hashes, and with those that were withdrawn."""
    with state.database.reading() as connection:
        found = attachment.list_attachments(connection, caller, ticket_id)
    return Attachments(items=found)


@router.get(
    "/tickets/{ticket_id}/attachments/{attachment_id}",
    summary="Take an attachment",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def take_attachment(
    ticket_id: Identifier, attachment_id: Identifier, caller: Reader, state: State
) -> Response:
    """The bytes, to be saved and never shown in place; who took them is remembered."""
    return state.attachments.serve(ticket_id, attachment_id, caller)


@router.post(
    "/tickets/{ticket_id}/attachments/{attachment_id}/withdrawal",
    summary="Withdraw an attachment",
)
async def withdraw_attachment(
    ticket_id: Identifier,
    attachment_id: Identifier,
    caller: Writer,
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> Attachment:
    """By who uploaded it, or house staff: the bytes are gone for good, the name and the hash stay."""
    receipt = await take_receipt()
    return await run_in_threadpool(
        state.attachments.withdraw, ticket_id, attachment_id, receipt, caller
    )

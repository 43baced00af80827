"""Notices over the API: who was told of a ticket and who could not be reached, and sending a mail again."""

from typing import Annotated

from starlette.concurrency import run_in_threadpool

from models.ids import Prefix
from models.outbox import SentNotice
from models.principal import Principal
from models.text import Identifier
from portal.auth import allow
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.pagination import ByNumber, Page
from portal.state import State
from rules.permission import Act
from storage import notice

router = door("notices")


@router.get("/tickets/{ticket_id}/notices", summary="List the mails of a ticket")
def list_notices(
    ticket_id: Identifier,
    caller: Annotated[Principal, allow(Act.READ_TICKET)],
    state: State,
    paging: ByNumber,
) -> Page[SentNotice]:
    """Oldest first: whom it went to, by name, and how it went. A partner's people see the mails to their own side.

    `failed` was refused or given up, `bounced` came back after it was sent; `last_error` says why.
    """
    with state.database.reading() as connection:
        found = notice.list_notices(
            connection, caller, ticket_id, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda one: one.number)


@router.post("/notices/{notice_id}/resend", summary="Send a mail again")
async def resend_notice(
    notice_id: Identifier,
    caller: Annotated[Principal, allow(Act.REPAIR)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> SentNotice:
    """For one that failed, came back or never arrived: the same mail, to the reader's address of now."""
    receipt = await take_receipt()
    return await run_in_threadpool(notice.resend_notice, state.database, notice_id, caller, receipt)

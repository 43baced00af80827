"""Notifications over the API: everybody chooses for themselves."""

from typing import Annotated

from starlette.concurrency import run_in_threadpool

from models.ids import Prefix
from models.notification import NotificationChoice, Notifications
from models.principal import Principal
from portal.auth import allow
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.state import State
from rules.permission import Act
from storage import notification

router = door("notifications")


@router.get("/me/notifications", summary="Read what one is told")
def read_notifications(
    caller: Annotated[Principal, allow(Act.CHOOSE_NOTIFICATIONS)], state: State
) -> Notifications:
    """Language and time zone of one's mails, and the groups of notices that are off."""
    with state.database.reading() as connection:
        return notification.notifications_of(connection, caller.user_id)


@router.post("/me/notifications", status_code=201, summary="Choose what one is told")
async def choose_notifications(
    choice: NotificationChoice,
    caller: Annotated[Principal, allow(Act.CHOOSE_NOTIFICATIONS)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> Notifications:
    """The whole choice at once; it counts for every mail not sent yet.

    What concerns money, a key that stops working, a question to oneself or a fault is always sent.
    """
    receipt = await take_receipt()
    return await run_in_threadpool(
        notification.choose_notifications, state.database, caller, choice, receipt.received_at
    )

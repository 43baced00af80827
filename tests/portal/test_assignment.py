"""Assignment over the API: whose work a ticket may be, and who hears of it."""

from typing import Any

from sqlalchemy import select

from models.notice import NoticeKind
from models.tables.column import table
from models.tables.record import OutboxRow
from tests.factories import (
    APPROVER,
    BOTH,
    BUYER,
    GLOBAL_ADMIN,
    OPERATOR,
    OTHER_BUYER,
    OTHER_CUSTOMER,
    Story,
)
from tests.fixtures.inquiry import Inquiry
from tests.fixtures.portal import Portal

outbox = table(OutboxRow)


async def give(portal: Portal, ticket_id: str, assignee: str | None, by: str = OPERATOR) -> Any:
    """What becomes of it: the assignee, or the problem's code with its status."""
    path = f"/api/v1/tickets/{ticket_id}/assignment"
    answer = await portal.post(path, {"assignee_id": assignee}, by)
    body = answer.json()
    return (
        body["assignee_id"] if answer.status_code == 201 else f"{answer.status_code} {body['code']}"
    )


def told(portal: Portal) -> list[str]:
    """Who got a mail that a ticket is theirs."""
    query = select(outbox.c.recipient_id).where(outbox.c.kind == NoticeKind.TICKET_ASSIGNED)
    with portal.state.database.reading() as connection:
        return list(connection.execute(query.order_by(outbox.c.sequence)).scalars())


async def test_a_ticket_is_given_to_those_who_may_handle_it(portal: Portal) -> None:
    ticket = Inquiry(portal.state.database).open().id
    for assignee in (BUYER, "usr_sam_sales", GLOBAL_ADMIN, "usr_system", "usr_none"):
        assert await give(portal, ticket, assignee) == "422 not_a_handler", assignee
    for assignee in (APPROVER, OPERATOR, None, BOTH):
        assert await give(portal, ticket, assignee) == assignee
    # Nobody is told of what they took themselves.
    assert told(portal) == [APPROVER, BOTH]
    audit = (await portal.get("/api/v1/audit", OPERATOR, subject_id=ticket)).json()["items"]
    assert [entry["action"] for entry in audit].count("ticket.assigned") == 4


async def test_only_handlers_give_and_only_what_they_see(portal: Portal) -> None:
    database = portal.state.database
    own = Inquiry(database).open().id
    foreign = Inquiry(database, by=OTHER_BUYER).open(customer_id=OTHER_CUSTOMER).id
    for user in (BUYER, "usr_sam_sales", GLOBAL_ADMIN):
        assert await give(portal, own, BOTH, user) == "403 forbidden", user
    assert await give(portal, foreign, BOTH) == "422 not_a_handler"
    assert await give(portal, foreign, BOTH, BOTH) == "404 not_found"
    assert await give(portal, "tkt_none", BOTH) == "404 not_found"


async def test_who_asked_for_a_cancellation_does_not_handle_it(portal: Portal) -> None:
    Story(portal.state.database).buy().request(BOTH)
    (case,) = (await portal.get("/api/v1/tickets", kind="cancellation")).json()["items"]

    assert await give(portal, case["id"], BOTH) == "409 own_request_assigned"
    assert await give(portal, case["id"], APPROVER, BOTH) == APPROVER


async def test_what_is_closed_is_nobodys_work_any_more(portal: Portal) -> None:
    ticket = Inquiry(portal.state.database).open().resolve().close().id

    assert await give(portal, ticket, APPROVER) == "409 ticket_closed"
    assert told(portal) == []

"""Customers over the API: whom one buys for."""

from typing import Annotated

from sqlalchemy import Connection

from models.catalogue import Customer
from models.errors import NotFound
from models.principal import Principal
from models.text import Identifier
from models.ticket import CustomerNote
from portal.auth import allow
from portal.door import door
from portal.pagination import ById, ByInstant, Page
from portal.state import State
from rules.permission import Act
from storage import catalogue, ticket_note

router = door("customers")


@router.get("/customers", summary="List customers")
def list_customers(
    caller: Annotated[Principal, allow(Act.READ_CUSTOMER)], state: State, paging: ById
) -> Page[Customer]:
    """Those within the caller's sight, by id."""
    with state.database.reading() as connection:
        found = catalogue.list_customers(connection, caller, after=paging.after, limit=paging.probe)
    return paging.page(found, lambda customer: customer.id)


@router.get("/customers/{customer_id}", summary="Read one customer")
def read_customer(
    customer_id: Identifier, caller: Annotated[Principal, allow(Act.READ_CUSTOMER)], state: State
) -> Customer:
    """With tenant GUID and domain."""
    with state.database.reading() as connection:
        return _seen(connection, caller, customer_id)


@router.get("/customers/{customer_id}/notes", summary="List notes for a customer")
def list_customer_notes(
    customer_id: Identifier,
    caller: Annotated[Principal, allow(Act.READ_CUSTOMER_NOTE)],
    state: State,
    paging: ByInstant,
) -> Page[CustomerNote]:
    """What was written for the customer on any ticket, newest first. This is all that a customer reads of tickets."""
    with state.database.reading() as connection:
        _seen(connection, caller, customer_id)
        found = ticket_note.notes_for_customer(
            connection, customer_id, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda note: (note.written_at, note.id))


def _seen(connection: Connection, caller: Principal, customer_id: str) -> Customer:
    found = catalogue.find_customer(connection, customer_id)
    if found is None or not caller.covers(found.partner_id, found.id):
        raise NotFound("customer")
    return found

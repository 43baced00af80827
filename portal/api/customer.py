"""Customers over the API: whom one buys for."""

from typing import Annotated

from models.catalogue import Customer
from models.errors import NotFound
from models.principal import Principal
from models.text import Identifier
from portal.auth import allow
from portal.door import door
from portal.pagination import ById, Page
from portal.state import State
from rules.permission import Act
from storage import catalogue

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
        found = catalogue.find_customer(connection, customer_id)
    if found is None or not caller.covers(found.partner_id, found.id):
        raise NotFound("customer")
    return found

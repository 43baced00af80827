"""Whose an inquiry is: the partner and customer that its form names, within the sight of who fills it in."""

from typing import Any

from sqlalchemy import Connection, Select, select

from models.errors import Invalid, NotFound
from models.inquiry import InquiryDraft
from models.principal import Principal
from models.tables.column import table
from models.tables.principal import PartnerRow
from storage.case import customers, orders
from storage.scope import within

_partners = table(PartnerRow)


def place_of(
    connection: Connection, draft: InquiryDraft, principal: Principal
) -> tuple[str, str | None]:
    """The partner and customer that an inquiry is about, within the caller's sight and without contradiction."""
    found: tuple[str, str | None]
    if draft.order_id is not None:
        named = select(orders.c.partner_id, orders.c.customer_id).where(
            orders.c.id == draft.order_id
        )
        found = _seen(connection, within(named, orders, principal), "order")
    elif draft.customer_id is not None:
        named = select(customers.c.partner_id, customers.c.id).where(
            customers.c.id == draft.customer_id
        )
        if principal.partner_id is not None:
            named = named.where(customers.c.partner_id == principal.partner_id)
        found = _seen(connection, named, "customer")
    else:
        found = _partner(connection, draft, principal), None
    wanted = (draft.partner_id or found[0], draft.customer_id or found[1])
    if wanted != found:
        raise Invalid(
            "parties_disagree",
            "The order or customer belongs to somebody else than the form names.",
        )
    return found


def _seen(connection: Connection, query: Select[Any], noun: str) -> tuple[str, str | None]:
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(noun)
    return row[0], row[1]


def _partner(connection: Connection, draft: InquiryDraft, principal: Principal) -> str:
    partner_id = draft.partner_id or principal.partner_id
    if partner_id is None:
        raise Invalid(
            "partner_missing", "House staff name the order, customer or partner it is about."
        )
    known = select(_partners.c.id).where(_partners.c.id == partner_id)
    if not principal.covers(partner_id, None) or connection.execute(known).first() is None:
        raise NotFound("partner")
    return partner_id

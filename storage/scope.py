"""What a caller may see: one filter that every list and look-up goes through."""

from typing import Any

from sqlalchemy import Select, Table

from models.principal import Principal


def within(query: Select[Any], rows: Table, principal: Principal) -> Select[Any]:
    """Keep the caller's own customer, own partner, or (house staff) everything."""
    if principal.customer_id is not None:
        return query.where(rows.c.customer_id == principal.customer_id)
    if principal.partner_id is not None:
        return query.where(rows.c.partner_id == principal.partner_id)
    return query

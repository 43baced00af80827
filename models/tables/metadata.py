"""Every table in one place, for migrations and for the check that database and models agree."""

from models.tables import (
    calendar,
    cancellation,
    catalogue,
    decision,
    delivery,
    download,
    endpoint,
    invitation,
    ledger,
    order,
    presence,
    principal,
    product_key,
    record,
    replacement,
    revocation,
    session,
    statement,
    stock,
    ticket,
)
from models.tables.column import Row

ROOMS = (
    principal,
    calendar,
    catalogue,
    order,
    product_key,
    download,
    replacement,
    stock,
    cancellation,
    decision,
    ticket,
    presence,
    ledger,
    record,
    endpoint,
    delivery,
    invitation,
    session,
    statement,
    revocation,
)
METADATA = Row.metadata

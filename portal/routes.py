"""Every router of the portal, in one list: a door that is not named here does not exist."""

from fastapi import APIRouter

from portal import events
from portal.api import (
    attachment,
    audit,
    brief,
    bulk_decision,
    cancellation,
    credit,
    customer,
    decision,
    delegation,
    download,
    endpoint,
    event,
    health,
    inquiry,
    notice,
    notification,
    order,
    policy,
    product,
    replacement,
    revocation,
    software,
    statement,
    stock,
    ticket,
)
from portal.pages import decision as decision_page
from portal.pages import download as download_page
from portal.pages import home
from portal.pages import session as session_page

# One line per module; those of portal/api have their `router` made by portal/door.py.
ROUTERS: tuple[APIRouter, ...] = (
    customer.router,
    product.router,
    order.router,
    software.router,
    stock.router,
    download.router,
    replacement.router,
    cancellation.router,
    ticket.router,
    attachment.router,
    attachment.uploads,
    inquiry.router,
    decision.router,
    delegation.router,
    bulk_decision.router,
    brief.router,
    credit.router,
    statement.router,
    policy.router,
    revocation.router,
    event.router,
    endpoint.router,
    notification.router,
    notice.router,
    audit.router,
    events.router,
    health.router,
    home.router,
    download_page.router,
    session_page.router,
    decision_page.router,
)

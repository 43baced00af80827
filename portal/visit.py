"""One request on its way through the portal: what the frame, the door and the answer need to know of it."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from models.principal import Principal
from models.session import Session

SCOPE_KEY = "keydesk.visit"


@dataclass
class Visit:
    """Filled in as the request gets further; lives as long as the request."""

    request_id: str
    principal: Principal | None = None
    session: Session | None = None
    replayed: bool = False


def visit_of(connection: HTTPConnection) -> Visit:
    """The visit that the frame opened for this request."""
    visit: Visit = connection.scope[SCOPE_KEY]
    return visit

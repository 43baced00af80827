"""Cancellation policies over the API: the terms in force, past and to come."""

from typing import Annotated

from models.base import Value
from models.policy import CancellationPolicy
from models.principal import Principal
from portal.auth import allow
from portal.door import door
from portal.state import State
from rules.permission import Act
from storage import policy as policy_book

router = door("policies")


class Policies(Value):
    """Every version of every family's policy."""

    items: tuple[CancellationPolicy, ...]


@router.get("/policies", summary="List cancellation policies")
def list_policies(caller: Annotated[Principal, allow(Act.READ_POLICY)], state: State) -> Policies:
    """Newest first within each family; what counts for an order is the one frozen on its lines."""
    del caller
    with state.database.reading() as connection:
        return Policies(items=policy_book.list_policies(connection))

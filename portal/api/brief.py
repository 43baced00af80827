"""The brief over the API: one response with all that an approver needs, and who else is at it."""

from typing import Annotated

from fastapi import Query, Response

from models.brief import Brief
from models.outlook import Language
from models.principal import Principal
from models.text import Identifier
from portal.auth import allow
from portal.door import door
from portal.idempotency import Key
from portal.state import State
from rules.permission import Act
from storage.brief import read_brief
from storage.presence import note_presence

router = door("tickets")

Reader = Annotated[Principal, allow(Act.READ_BRIEF)]


@router.get("/tickets/{ticket_id}/brief", summary="Read all that a decision needs")
def brief(
    ticket_id: Identifier,
    caller: Reader,
    state: State,
    since: Annotated[
        int | None,
        Query(ge=0, le=2**63 - 1, description="A revision seen before: `changes` since then."),
    ] = None,
    lang: Annotated[
        Language, Query(description="The language of the quote's explanation.")
    ] = Language.ENGLISH,
) -> Brief:
    """Quote, order, key, downloads, history, conversation, four checks with their facts, and whether you may decide.

    Reading it tells the others that you have the ticket open.
    """
    at = state.clock()
    note_presence(state.database, caller, ticket_id, at)
    with state.database.reading() as connection:
        return read_brief(
            connection, caller, ticket_id, at, state.pattern, since=since, language=lang
        )


@router.post("/tickets/{ticket_id}/presence", status_code=204, summary="Say that you look at it")
def be_present(ticket_id: Identifier, caller: Reader, state: State, key: Key) -> Response:
    """Counts for a minute; whoever keeps the ticket open says so again. It is no act, and nothing records it."""
    del key
    note_presence(state.database, caller, ticket_id, state.clock())
    return Response(status_code=204)

"""Events out over the API: a feed to follow by cursor."""

from typing import Annotated

from fastapi import Response

from models.cursor import encode
from models.outgoing import Feed
from models.principal import Principal
from portal.auth import allow
from portal.door import door
from portal.pagination import ByNumber
from portal.state import State
from rules.permission import Act
from storage.event import read_feed

router = door("events")


@router.get("/events", summary="Follow the event feed", response_model=Feed)
def follow_events(
    caller: Annotated[Principal, allow(Act.READ_EVENT)], state: State, paging: ByNumber
) -> Response:
    """CloudEvents 1.0, each once and in an order that never changes; `next` always says where to go on."""
    after = paging.after or 0
    placed = read_feed(state.database, caller, after=after, limit=paging.limit)
    last = placed[-1].position if placed else after
    # Written by hand, so that an event has the very bytes here that endpoints get.
    items = b",".join(found.event.body() for found in placed)
    content = b'{"items":[' + items + b'],"next":"' + encode(last).encode() + b'"}'
    return Response(content, media_type="application/json")

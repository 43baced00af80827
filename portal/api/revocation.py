"""The revocation feed over the API: signed pages of keyed hashes, and the public keys that verify them."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import TypeAdapter

from models.principal import Principal
from models.revocation import RevocationKeys, RevocationPage
from portal.auth import allow
from portal.door import door
from portal.pagination import After, NumberKey, decode
from portal.state import State
from rules.permission import Act

router = door("revocations")

_PLACE: TypeAdapter[tuple[int, int]] = TypeAdapter(tuple[NumberKey, NumberKey])


@router.get("/revocations", summary="Read the signed feed of revoked keys")
def read_revocations(
    caller: Annotated[Principal, allow(Act.READ_REVOCATION)],
    state: State,
    response: Response,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=5000, description="How many entries at most.")] = 1000,
) -> RevocationPage:
    """Oldest first. Whatever was revoked before this call is in the feed; only revoked keys are, by keyed hash.

    Save every page until `next` is null, and check keys against the saved pages without a connection. A cursor
    of an epoch that is over answers `epoch_over`: begin again without `after`.
    """
    del caller
    response.headers["Cache-Control"] = "private, no-cache"
    place = None if after is None else decode(_PLACE, after)
    return state.revocations.read_page(place, limit)


@router.get("/revocations/keys", summary="Read the public keys of the feed")
def read_revocation_keys(
    caller: Annotated[Principal, allow(Act.READ_REVOCATION)], state: State
) -> RevocationKeys:
    """Keep a copy that did not come with the feed; keys that no longer sign stay, for pages signed by them."""
    del caller
    return state.revocations.public_keys()

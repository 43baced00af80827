"""Keyset pages: an opaque cursor names the last item seen, so that a page costs the same however far down it is."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from models.base import Value
from models.cursor import encode
from models.errors import Invalid
from models.text import Identifier

Item = TypeVar("Item")
Key = TypeVar("Key")

After = Annotated[
    str | None, Query(max_length=500, description="The `next` of the page before; opaque.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many items at most.")]

InstantKey = tuple[AwareDatetime, Identifier]
NumberKey = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]


class Page(Value, Generic[Item]):
    """One page; `next` is the cursor of the page after it, null on the last one."""

    items: tuple[Item, ...]
    next: str | None = None


class Paging(Generic[Key]):
    """Where a page starts and how long it is; ask the book for `probe` items to learn if more follow."""

    def __init__(self, request: Request, response: Response, after: Key | None, limit: int) -> None:
        self._request = request
        self._response = response
        self.after = after
        self.limit = limit

    @property
    def probe(self) -> int:
        """One more than the page shows."""
        return self.limit + 1

    def page(self, found: Sequence[Item], key: Callable[[Item], Any]) -> Page[Item]:
        """The page of these items, with the cursor of the next one in body and Link header."""
        shown = tuple(found[: self.limit])
        if len(found) <= self.limit:
            return Page(items=shown)
        following = encode(key(shown[-1]))
        self._response.headers["Link"] = f'<{self._next_url(following)}>; rel="next"'
        return Page(items=shown, next=following)

    def _next_url(self, cursor: str) -> str:
        """Without scheme and host, which only the client knows for sure."""
        url = self._request.url.include_query_params(after=cursor, limit=self.limit)
        return f"{url.path}?{url.query}"


def decode(kind: TypeAdapter[Key], cursor: str) -> Key:
    """The key in a cursor; Invalid for anything that is none of ours."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return kind.validate_python(json.loads(text), strict=False)
    except (binascii.Error, ValidationError, ValueError, RecursionError):
        raise Invalid(
            "invalid_cursor", "`after` is not a cursor of this list; start without one."
        ) from None


def _paged_by(key: Any) -> Any:
    kind: TypeAdapter[Any] = TypeAdapter(key)

    def paging(
        request: Request, response: Response, after: After = None, limit: Limit = 50
    ) -> Paging[Any]:
        start = None if after is None else decode(kind, after)
        return Paging(request, response, start, limit)

    return Depends(paging)


ByInstant = Annotated[Paging[tuple[Any, str]], _paged_by(InstantKey)]
"""Newest first by (instant, id)."""
ById = Annotated[Paging[str], _paged_by(Identifier)]
"""By id."""
ByNumber = Annotated[Paging[int], _paged_by(NumberKey)]
"""By a running number."""

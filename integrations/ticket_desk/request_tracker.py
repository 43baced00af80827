"""Request Tracker 5 as a ticket desk, by its REST 2 interface."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Literal

import httpx2
from pydantic import SecretStr
from rt.exceptions import NotFoundError, RtError, UnexpectedResponseError
from rt.rest2 import AsyncRt

from integrations.ticket_desk.protocol import DeskAway, DeskRefused, TicketDeskError
from integrations.ticket_desk.words import plain_text
from models.outside_ticket import (
    ChangeKind,
    OutsideAuthor,
    OutsideChange,
    OutsideChanges,
    OutsideDraft,
    OutsideMessage,
    OutsideOutcome,
    OutsideReference,
)
from models.ticket import Audience

DESK = "request_tracker"
APPROVALS = "___Approvals"
CASE_FIELD = "Keydesk case"
APPROVERS = "group:Keydesk approvers"
"""Who finds the approvals among their own at Request Tracker."""
_TIMEOUT_S = 10
_PAGE = 100
_SETTLED_AFTER = timedelta(minutes=1)
_STATUS = {OutsideOutcome.GRANTED: "resolved", OutsideOutcome.REFUSED: "rejected"}
_VERDICT: dict[str, Literal["approved", "declined"]] = {
    "resolved": "approved",
    "rejected": "declined",
}
_OVER = ("resolved", "rejected", "deleted")
_AUDIENCE = {"Comment": Audience.INTERNAL, "Correspond": Audience.PARTNER}
_ACT = "Type,NewValue,Creator,Created,ObjectId"
_WORDS = "TransactionId,Creator,ContentType,Content,Filename"


class RequestTracker:
    """One queue of a Request Tracker, with approvals in its own approvals queue.

    `user` is the service user whose token this is; what it does itself is not reported back.
    """

    name = DESK

    def __init__(self, url: str, token: SecretStr, *, queue: str, user: str) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self.queue = queue
        self.user = user

    async def open_ticket(self, draft: OutsideDraft) -> OutsideReference:
        """A ticket in the queue; the custom field holds the case, so that it is never opened twice."""
        async with self.client() as client:
            number = await _find(client, "ticket", self.queue, draft.key)
            if number is None:
                number = await _create(client, self.queue, draft)
        return OutsideReference(number=number, link=self._link("Ticket", number))

    async def ask(self, ticket: str, draft: OutsideDraft) -> OutsideReference:
        """An approval on which the ticket depends: Request Tracker refuses to resolve it before."""
        async with self.client() as client:
            number = await _find(client, "approval", APPROVALS, draft.key)
            if number is None:
                await _reopen(client, ticket)
                asking = {"Type": "approval", "DependedOnBy": ticket, "AdminCc": [APPROVERS]}
                number = await _create(client, APPROVALS, draft, **asking)
        return OutsideReference(number=number, link=self._link("Approvals", number))

    async def append(self, ticket: str, message: OutsideMessage) -> None:
        """A comment, or a reply if the partner may read it; the subject holds the key under which it is looked up.

        A reply would open a closed ticket again, so there it is a comment.
        """
        subject = f"Keydesk {message.key}"
        async with self.client() as client:
            if await _is_told(client, ticket, subject):
                return
            inside = message.audience is Audience.INTERNAL or await _is_over(client, ticket)
            verb = "comment" if inside else "correspond"
            body = {"Subject": subject, "Content": message.text, "ContentType": "text/plain"}
            _checked(await client.session.post(f"{client.url}ticket/{ticket}/{verb}", json=body))

    async def settle(self, approval: str, outcome: OutsideOutcome) -> None:
        """Resolve or reject it, unless somebody did."""
        await self.close(approval, outcome)

    async def close(self, ticket: str, outcome: OutsideOutcome) -> None:
        """Resolve or reject; Request Tracker answers 200 to what it did not do, so the status is read back."""
        async with self.client() as client:
            if await _is_over(client, ticket):
                return
            await client.edit_ticket(ticket, Status=_STATUS[outcome])
            if not await _is_over(client, ticket):
                raise DeskRefused(f"Request Tracker does not let ticket {ticket} be closed.")

    async def changes(self, since: int, at: datetime) -> OutsideChanges:
        """Replies and comments on tickets of the queue, and decisions on approvals that this user asked for.

        A transaction gets its number before it is committed, so for a minute a lower one may still appear.
        """
        async with self.client() as client:
            found = [one async for one in self._transactions(client, since)]
        acts = [_act(one) for one in found if self._is_of_a_person(one)]
        settled = [
            int(one["id"]) for one in found if at - _instant(one["Created"]) > _SETTLED_AFTER
        ]
        return OutsideChanges(
            items=tuple(act for act in acts if act is not None),
            settled_to=max([since, *settled]),
        )

    async def read(self, change: OutsideChange) -> OutsideChange:
        """A note's words, or what the author of a decision wrote on the approval until then; and their address."""
        async with self.client() as client:
            author = await _author(client, change.author.name)
            if change.kind is ChangeKind.NOTE:
                words = await _words_of(client, change.on, change.number)
            else:
                words = await _words_before(client, change.on, change.number, author.name)
        return change.model_copy(update={"author": author, "text": words})

    def _is_of_a_person(self, transaction: dict[str, Any]) -> bool:
        return transaction["Creator"]["id"] not in (self.user, "RT_System", "Nobody")

    async def _transactions(self, client: AsyncRt, since: int) -> AsyncIterator[dict[str, Any]]:
        """All pages; a page is asked for by the last number seen, since those for whom rows are hidden get no count."""
        spoken = f"TicketQueue = '{self.queue}' AND (Type = 'Comment' OR Type = 'Correspond')"
        decided = (
            f"TicketQueue = '{APPROVALS}' AND TicketCreator = '{self.user}' AND Type = 'Status'"
        )
        while True:
            query = f"ObjectType = 'RT::Ticket' AND id > {since} AND (({spoken}) OR ({decided}))"
            page = await _items(client, "transactions", query=query, orderby="id", fields=_ACT)
            for transaction in page:
                yield transaction
            if not page:
                return
            since = int(page[-1]["id"])

    @asynccontextmanager
    async def client(self) -> AsyncIterator[AsyncRt]:
        """A connection for one errand, with every failure in our words."""
        client = AsyncRt(
            f"{self._url}/REST/2.0/",
            token=self._token.get_secret_value(),
            http_timeout=_TIMEOUT_S,
        )
        try:
            yield client
        except TicketDeskError:
            raise
        except (OSError, httpx2.HTTPError):
            # The client library raises the ConnectionError of Python, not its own.
            raise DeskAway("Request Tracker does not answer.") from None
        except RtError as error:
            raise _verdict(error) from None
        except (KeyError, TypeError, ValueError) as error:
            # A page of HTML where JSON was expected: a proxy's, or another server's.
            raise DeskAway(f"Not an answer of Request Tracker: {type(error).__name__}.") from None
        finally:
            await client.session.aclose()

    def _link(self, room: str, number: str) -> str:
        return f"{self._url}/{room}/Display.html?id={number}"


async def _find(client: AsyncRt, kind: str, queue: str, key: str) -> str | None:
    """What was opened under this key; an approval is found only by who asks for approvals."""
    query = f"Type = '{kind}' AND Queue = '{queue}' AND 'CF.{{{CASE_FIELD}}}' = '{key}'"
    found = await _items(client, "tickets", query=query, orderby="id")
    return str(found[0]["id"]) if found else None


async def _create(client: AsyncRt, queue: str, draft: OutsideDraft, **more: Any) -> str:
    number = await client.create_ticket(
        queue,
        subject=draft.title,
        content=draft.body,
        CustomFields={CASE_FIELD: draft.key},
        **more,
    )
    return str(number)


async def _reopen(client: AsyncRt, ticket: str) -> None:
    """A rejected approval rejects its ticket; the next one needs it open."""
    if await _is_over(client, ticket):
        await client.edit_ticket(ticket, Status="open")


async def _is_over(client: AsyncRt, ticket: str) -> bool:
    return (await client.get_ticket(ticket))["Status"] in _OVER


async def _is_told(client: AsyncRt, ticket: str, subject: str) -> bool:
    query = json.dumps([{"field": "Subject", "value": subject}])
    return bool(await _items(client, f"ticket/{ticket}/attachments", query=query))


def _act(transaction: dict[str, Any]) -> OutsideChange | None:
    """What a person did; None for a move of an approval that decides nothing."""
    is_note = transaction["Type"] in _AUDIENCE
    verdict = None if is_note else _VERDICT.get(transaction["NewValue"])
    if not is_note and verdict is None:
        return None
    return OutsideChange(
        number=int(transaction["id"]),
        on=str(transaction["ObjectId"]),
        kind=ChangeKind.NOTE if is_note else ChangeKind.DECISION,
        author=OutsideAuthor(name=transaction["Creator"]["id"]),
        happened_at=_instant(transaction["Created"]),
        audience=_AUDIENCE.get(transaction["Type"]),
        verdict=verdict,
    )


async def _words_of(client: AsyncRt, ticket: str, number: int) -> str | None:
    """What was written in one transaction."""
    query = json.dumps([{"field": "TransactionId", "value": number}])
    return plain_text(
        await _items(client, f"ticket/{ticket}/attachments", query=query, fields=_WORDS)
    )


async def _words_before(client: AsyncRt, approval: str, number: int, author: str) -> str | None:
    """What its author wrote on the approval until the decision: Request Tracker keeps it apart."""
    found = await _items(client, f"ticket/{approval}/attachments", fields=_WORDS)
    return plain_text(
        one
        for one in found
        if one["Creator"]["id"] == author and int(one["TransactionId"]) < number
    )


async def _author(client: AsyncRt, name: str) -> OutsideAuthor:
    """Somebody who was deleted meanwhile, or may not be looked at, still has a name."""
    with suppress(NotFoundError, UnexpectedResponseError):
        user = await client.get_user(name)
        return OutsideAuthor(name=name, email=user.get("EmailAddress") or None)
    return OutsideAuthor(name=name)


async def _items(client: AsyncRt, path: str, **query: str) -> list[dict[str, Any]]:
    """One page of a search; what the client library has no word for."""
    answer = await client.session.get(
        f"{client.url}{path}", params={**query, "per_page": str(_PAGE)}
    )
    items: list[dict[str, Any]] = _checked(answer)["items"]
    return items


def _checked(answer: httpx2.Response) -> Any:
    if answer.status_code not in (200, 201):
        raise UnexpectedResponseError("", status_code=answer.status_code)
    return answer.json()


def _verdict(error: RtError) -> TicketDeskError:
    """5xx and 429 pass; anything else says that something is set up wrongly."""
    status = getattr(error, "status_code", None)
    if status is not None and (status >= 500 or status == 429):
        return DeskAway(f"Request Tracker answered {status}.")
    what = type(error).__name__ if status is None else str(status)
    return DeskRefused(
        f"Request Tracker refused ({what}); `keydesk rt check` says what is missing."
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))

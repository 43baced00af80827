"""Whether a Request Tracker is set up for Keydesk: each thing it needs, in plain words, with what to do about it."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx2
from rt.rest2 import AsyncRt

from integrations.ticket_desk.protocol import TicketDeskError
from integrations.ticket_desk.request_tracker import APPROVALS, CASE_FIELD, RequestTracker
from models.base import Value
from models.outside_ticket import OutsideDraft, OutsideMessage, OutsideOutcome
from models.ticket import Audience

_OK, _UNAUTHORISED = 200, 401
_SET_UP = "Run deploy/request-tracker/keydesk.pl there, or see docs/request-tracker.md."


class Finding(Value):
    """One thing that is needed; `remedy` is there when it is missing."""

    what: str
    remedy: str | None = None


async def inspect(desk: RequestTracker, people: Iterable[str]) -> AsyncIterator[Finding]:
    """Sign-in, queues, custom field and people, in the order in which they depend on each other."""
    try:
        async with desk.client() as client:
            signed_in = await _sign_in(client, desk.user)
            yield signed_in
            if signed_in.remedy is not None:
                return
            for queue in (desk.queue, APPROVALS):
                async for finding in _queue(client, queue):
                    yield finding
            for name in people:
                yield await _person(client, name)
    except TicketDeskError as error:
        yield Finding(what="it answers", remedy=f"{error.message} Is KEYDESK_RT_URL right?")


async def rehearse(desk: RequestTracker, key: str) -> AsyncIterator[Finding]:
    """A ticket with an approval, from its opening to its end: what rights are missing shows in no other way."""
    words = OutsideDraft(key=key, title="Rehearsal of Keydesk", body="May be ignored.")
    what = "a ticket is opened"
    try:
        ticket = (await desk.open_ticket(words)).number
        yield Finding(what=what)
        what = "an approval is asked for, and blocks the ticket"
        question = words.model_copy(update={"key": f"{key}/1"})
        approval = (await desk.ask(ticket, question)).number
        yield await _blocked(desk, ticket, what)
        what = "comments and replies are written"
        for audience in Audience:
            message = OutsideMessage(key=f"{key} {audience}", audience=audience, text="Rehearsed.")
            await desk.append(ticket, message)
        yield Finding(what=what)
        what = "approval and ticket are closed"
        await desk.settle(approval, OutsideOutcome.GRANTED)
        await desk.close(ticket, OutsideOutcome.GRANTED)
        yield Finding(what=what)
    except TicketDeskError as error:
        yield Finding(what=what, remedy=f"{error.message} {_SET_UP}")


async def _blocked(desk: RequestTracker, ticket: str, what: str) -> Finding:
    try:
        await desk.close(ticket, OutsideOutcome.GRANTED)
    except TicketDeskError:
        return Finding(what=what)
    return Finding(what=what, remedy="The ticket could be resolved before its approval was.")


async def _sign_in(client: AsyncRt, user: str) -> Finding:
    what = f"its token is one of {user}"
    answer = await client.session.get(f"{client.url}user/{user}")
    if answer.status_code == _UNAUTHORISED:
        remedy = "Request Tracker does not know this token: set KEYDESK_RT_TOKEN_FILE anew."
    elif answer.status_code != _OK:
        remedy = f"There is no user {user}; KEYDESK_RT_USER names whose token it is."
    elif "Disabled" not in answer.json():
        # Request Tracker shows this of oneself only.
        remedy = f"The token is somebody else's than {user}'s; KEYDESK_RT_USER names whose it is."
    else:
        return Finding(what=what)
    return Finding(what=what, remedy=remedy)


async def _queue(client: AsyncRt, queue: str) -> AsyncIterator[Finding]:
    answer = await client.session.get(f"{client.url}queue/{queue}")
    what = f"tickets may be opened in the queue {queue}"
    if answer.status_code != _OK or not _may_create(answer):
        yield Finding(what=what, remedy=f"The queue or a right on it is missing. {_SET_UP}")
        return
    yield Finding(what=what)
    fields = [field["name"] for field in answer.json().get("TicketCustomFields") or []]
    what = f"its tickets have the custom field {CASE_FIELD}"
    missing = f"The field is not applied there, or may not be seen. {_SET_UP}"
    yield Finding(what=what, remedy=None if CASE_FIELD in fields else missing)


def _may_create(answer: httpx2.Response) -> bool:
    links: list[dict[str, Any]] = answer.json().get("_hyperlinks", [])
    return any(link["ref"] == "create" for link in links)


async def _person(client: AsyncRt, name: str) -> Finding:
    """An e-mail is somebody's for certain only once they act."""
    what = f"{name} is a user there"
    if "@" in name:
        return Finding(what=f"{name} is looked up when they act")
    answer = await client.session.get(f"{client.url}user/{name}")
    unknown = "Nobody is called so there; see `keydesk rt people`."
    return Finding(what=what, remedy=None if answer.status_code == _OK else unknown)

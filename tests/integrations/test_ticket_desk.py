"""One contract for ticket desks, held against our own and against a real Request Tracker."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from pydantic import SecretStr

from integrations.ticket_desk.inspection import inspect, rehearse
from integrations.ticket_desk.protocol import DeskAway, DeskRefused, TicketDesk
from integrations.ticket_desk.request_tracker import RequestTracker
from integrations.ticket_desk.words import plain_text
from models.ids import Prefix, new_id
from models.outside_ticket import (
    ChangeKind,
    OutsideChange,
    OutsideDraft,
    OutsideMessage,
    OutsideOutcome,
)
from models.ticket import Audience, TicketNote
from processes.ports import free_ports
from storage.case import load_case
from storage.engine import Database
from storage.principal import principal_of
from storage.ticket_note import write_note
from tests.factories import APPROVER, Story
from tests.fixtures.built_in_desk import BuiltInDesk
from tests.fixtures.request_tracker import TrackerServer

LATER = timedelta(hours=1)


class Office(Protocol):
    """A desk, and a person who works at it."""

    desk: TicketDesk

    def case(self) -> OutsideDraft: ...

    async def says(self, ticket: str, words: str) -> None: ...

    async def approves(self, approval: str) -> None: ...

    async def is_closed(self, ticket: str) -> bool: ...

    async def told(self, ticket: str, words: str) -> int: ...


class BuiltInOffice:
    """Our own: people speak by the book's effects."""

    def __init__(self, database: Database) -> None:
        self.story = Story(database)
        self.database = database
        self.own = BuiltInDesk(database, self.story.at)
        self.desk: TicketDesk = self.own

    def case(self) -> OutsideDraft:
        self.story.buy().request()
        return OutsideDraft(key=self.story.cancellation_id, title="Cancel", body="Please.")

    async def says(self, ticket: str, words: str) -> None:
        with self.database.reading() as connection:
            ticket_id = load_case(connection, self.story.cancellation_id).ticket_id
            person = principal_of(connection, APPROVER)
        assert person is not None
        note = TicketNote(
            id=new_id(Prefix.NOTE),
            author_id=APPROVER,
            audience=Audience.INTERNAL,
            text=words,
            written_at=self.story.tick(),
        )
        write_note(self.database, person, ticket_id, note)

    async def approves(self, approval: str) -> None:
        self.story.decide().suspend().credit().revoke().close()

    async def is_closed(self, ticket: str) -> bool:
        return await self.own.is_closed(ticket)

    async def told(self, ticket: str, words: str) -> int:
        query = "SELECT count(*) FROM ticket_notes WHERE text = %(words)s"
        with self.database.reading() as connection:
            count: int = connection.exec_driver_sql(query, {"words": words}).scalar_one()
        return count


class TrackerOffice:
    """A real Request Tracker: bob speaks by the client that everybody uses."""

    def __init__(self, tracker: TrackerServer) -> None:
        self.tracker = tracker
        self.desk: TicketDesk = tracker.desk()

    def case(self) -> OutsideDraft:
        return OutsideDraft(key=f"can_{uuid.uuid4().hex}", title="Cancel", body="Please.")

    async def says(self, ticket: str, words: str) -> None:
        async with self.tracker.person("bob") as bob:
            await bob.comment(ticket, words)

    async def approves(self, approval: str) -> None:
        async with self.tracker.person("bob") as bob:
            await bob.edit_ticket(approval, Status="resolved")

    async def is_closed(self, ticket: str) -> bool:
        async with self.tracker.person("bob") as bob:
            status: str = (await bob.get_ticket(ticket))["Status"]
        return status == "resolved"

    async def told(self, ticket: str, words: str) -> int:
        async with self.tracker.person("bob") as bob:
            url = f"{bob.url}ticket/{ticket}/attachments"
            found = (await bob.session.get(url, params={"fields": "Content"})).json()["items"]
        return sum(words in (one.get("Content") or "") for one in found)


@pytest.fixture(params=["built-in", pytest.param("Request Tracker", marks=pytest.mark.rt)])
def office(request: pytest.FixtureRequest) -> Office:
    if request.param == "built-in":
        return BuiltInOffice(request.getfixturevalue("database"))
    return TrackerOffice(request.getfixturevalue("tracker"))


def message(words: str, audience: Audience = Audience.INTERNAL) -> OutsideMessage:
    return OutsideMessage(key=new_id(Prefix.NOTE), audience=audience, text=words)


async def acts_on(office: Office, ticket: str, since: int = 0) -> list[OutsideChange]:
    """What was done on the ticket, with its words."""
    found = await office.desk.changes(since, datetime.now(UTC))
    return [await office.desk.read(act) for act in found.items if act.on == ticket]


async def test_a_case_is_opened_once_and_found_again(office: Office) -> None:
    draft = office.case()
    first = await office.desk.open_ticket(draft)
    assert await office.desk.open_ticket(draft) == first
    question = draft.model_copy(update={"key": f"{draft.key}/1"})
    asked = await office.desk.ask(first.number, question)
    assert await office.desk.ask(first.number, question) == asked


async def test_words_are_told_once_under_their_key(office: Office) -> None:
    ticket = (await office.desk.open_ticket(office.case())).number
    for audience in Audience:
        told = message(f"Žluťoučký kůň — {audience}", audience)
        await office.desk.append(ticket, told)
        await office.desk.append(ticket, told)
        assert await office.told(ticket, told.text) == 1


async def test_acts_of_people_come_in_order_once_and_ours_do_not(office: Office) -> None:
    ticket = (await office.desk.open_ticket(office.case())).number
    await office.says(ticket, "First")
    await office.desk.append(ticket, message("Ours"))
    await office.says(ticket, "Second")
    acts = await acts_on(office, ticket)
    assert [(act.kind, act.text) for act in acts] == [
        (ChangeKind.NOTE, "First"),
        (ChangeKind.NOTE, "Second"),
    ]
    assert acts[0].number < acts[1].number
    assert [a.text for a in await acts_on(office, ticket, acts[0].number)] == ["Second"]
    settled = (await office.desk.changes(0, datetime.now(UTC) + LATER)).settled_to
    assert settled >= acts[1].number
    assert await acts_on(office, ticket, settled) == []


async def test_a_ticket_is_not_closed_before_its_approval_and_stays_closed(
    office: Office,
) -> None:
    draft = office.case()
    ticket = (await office.desk.open_ticket(draft)).number
    approval = await office.desk.ask(ticket, draft.model_copy(update={"key": f"{draft.key}/1"}))
    with pytest.raises(DeskRefused):
        await office.desk.close(ticket, OutsideOutcome.GRANTED)
    assert not await office.is_closed(ticket)

    await office.approves(approval.number)
    (act,) = [act for act in await acts_on(office, approval.number) if act.verdict]
    assert (act.kind, act.verdict) == (ChangeKind.DECISION, "approved")
    await office.desk.settle(approval.number, OutsideOutcome.GRANTED)
    for _ in range(2):
        await office.desk.close(ticket, OutsideOutcome.GRANTED)
    await office.desk.append(ticket, message("Afterwards", Audience.PARTNER))
    assert await office.is_closed(ticket)


@contextlib.asynccontextmanager
async def deaf_line(port: int) -> AsyncIterator[int]:
    """A way to the server on which requests arrive and answers are lost."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read(1 << 16)
        there, back = await asyncio.open_connection("127.0.0.1", port)
        back.write(asked)
        await there.read(1)
        back.close()
        writer.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.rt
async def test_what_was_done_though_its_answer_was_lost_is_not_done_again(
    tracker: TrackerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, draft = tracker.desk(), TrackerOffice(tracker).case()

    async def unfound(*_: Any) -> None:
        return None

    async with deaf_line(tracker.port) as port:
        far = RequestTracker(
            f"http://127.0.0.1:{port}", SecretStr(tracker.token), queue="Keydesk", user="keydesk"
        )
        # The line loses every answer, so what is asked before the ticket is opened is left out.
        monkeypatch.setattr("integrations.ticket_desk.request_tracker._find", unfound)
        with pytest.raises(DeskAway) as away:
            await far.open_ticket(draft)
        monkeypatch.undo()
    assert not away.value.permanent
    number = (await desk.open_ticket(draft)).number
    async with tracker.person("root", "password") as root:
        query = f"Queue = 'Keydesk' AND 'CF.{{Keydesk case}}' = '{draft.key}'"
        assert [one["id"] async for one in root.search(raw_query=query)] == [number]


@pytest.mark.rt
async def test_a_wrong_token_is_for_an_admin_and_a_dead_line_for_time(
    tracker: TrackerServer,
) -> None:
    def at(url: str, token: str) -> RequestTracker:
        return RequestTracker(url, SecretStr(token), queue="Keydesk", user="keydesk")

    with pytest.raises(DeskRefused) as refused:
        await at(tracker.url, "1-2-stolen").changes(0, datetime.now(UTC))
    assert "1-2-stolen" not in refused.value.message
    with pytest.raises(DeskAway):
        await at(f"http://127.0.0.1:{free_ports(1)[0]}", "1-2-any").changes(0, datetime.now(UTC))


@pytest.mark.rt
async def test_an_inspection_says_what_is_missing(tracker: TrackerServer) -> None:
    async def missing(desk: RequestTracker, *people: str) -> list[str]:
        return [one.what async for one in inspect(desk, people) if one.remedy is not None]

    assert await missing(tracker.desk(), "bob", "someone@tracker.example") == []
    assert await missing(tracker.desk(), "ghost") == ["ghost is a user there"]
    token = SecretStr(tracker.token)
    elsewhere = RequestTracker(tracker.url, token, queue="General", user="keydesk")
    assert await missing(elsewhere) == ["tickets may be opened in the queue General"]
    disguised = RequestTracker(tracker.url, token, queue="Keydesk", user="bob")
    assert await missing(disguised) == ["its token is one of bob"]
    stolen = RequestTracker(tracker.url, SecretStr("1-2-no"), queue="Keydesk", user="keydesk")
    assert await missing(stolen) == ["its token is one of keydesk"]


@pytest.mark.rt
async def test_a_rehearsal_goes_through(tracker: TrackerServer) -> None:
    found = [one async for one in rehearse(tracker.desk(), new_id(Prefix.ACT))]
    assert [one.remedy for one in found] == [None] * 4


def part(content: str, kind: str = "text/plain", **more: str) -> dict[str, str]:
    return {"Content": content, "ContentType": kind} | more


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([part("Plain\r\nlines ")], "Plain\nlines"),
        ([part("<p>Hello <b>there</b>,<br>you &amp; I</p>", "text/html")], "Hello there,\nyou & I"),
        ([part("<p>Rich</p>", "text/html"), part("Poor")], "Poor"),
        ([part("<style>p {}</style><p>Seen</p><script>x()</script>", "text/html")], "Seen"),
        ([part("a file", Filename="a.txt"), part("Said")], "Said"),
        ([part("", "multipart/mixed")], None),
        ([], None),
    ],
)
def test_the_words_of_a_message_are_what_its_reader_sees(
    parts: list[dict[str, str]], words: str | None
) -> None:
    assert plain_text(parts) == words

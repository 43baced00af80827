"""A whole story with marked secrets, told to real processes; afterwards no place that is read by others holds one."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text
from temporalio.client import Client

from integrations.temporal import connect
from integrations.temporal_server import TemporalServer
from models.tables.column import table
from models.tables.record import OutboxRow
from portal.api_client import Api
from portal.supervised import portal_process, worker_process
from portal.token import issue
from processes.child import inherited_environment
from processes.ports import free_ports
from storage.engine import Database
from tests.factories import APPROVER, BUYER, CUSTOMER, PER_LINE
from tests.fixtures.canary import files_below, opened, sightings, spellings
from workflows.search_attributes import SEARCH_ATTRIBUTES

PLANTED = "Planted-Kanárek-0451"
PATIENCE_S = 60
NOT_EVEN_IN_THE_BOOK = ("product key", "download link", "agent", "approver", "key ring")
"""The book holds contacts and notes, but of these only seals, hashes or nothing."""
TOKEN_SECRET = SecretStr("a-canary-token-secret-of-forty-characters!")
CONTACT = {
    "name": "Kateřina Zpěvná-Pípalová",
    "email": "katerina.pipalova@zpevni-ptaci.example",
    "phone": "+420 777 045 199",
}
WORDS = {
    "question": "Zebra question: which of the two aviaries was it?",
    "answer": "Yodel answer: the aviary behind the old brewery.",
    "decision": "Xylophone note: approved after a look at the aviary.",
}


@dataclass
class Theatre:
    """Two real processes, the Temporal they work on, and everything marked that went through them."""

    api: Api
    client: Client
    database: Database
    data: Path
    canaries: dict[str, str] = field(default_factory=dict)

    def token(self, name: str, user_id: str) -> SecretStr:
        """A bearer token, marked."""
        bearer = issue(TOKEN_SECRET, user_id, datetime.now(UTC))
        self.canaries[name] = bearer
        return SecretStr(bearer)

    def until(self, found: Callable[[], Any]) -> Any:
        """What is found once it is."""
        deadline = time.monotonic() + PATIENCE_S
        while not (thing := found()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        return thing


@pytest.fixture
async def theatre(
    database: Database,
    key_ring: SecretStr,
    tmp_path: Path,
) -> AsyncIterator[Theatre]:
    temporal = TemporalServer(
        SEARCH_ATTRIBUTES,
        db_filename=tmp_path / "temporal" / "temporal.db",
        log_file=tmp_path / "log" / "temporal.log",
    )
    (tmp_path / "temporal").mkdir()
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    environment = inherited_environment(
        {
            "KEYDESK_DATABASE_URL": database.url,
            "KEYDESK_DATA_DIR": str(tmp_path),
            "KEYDESK_PORT": str(port),
            "KEYDESK_KEY_RING": key_ring.get_secret_value(),
            "KEYDESK_TOKEN_SECRET": TOKEN_SECRET.get_secret_value(),
        },
        without_prefix="KEYDESK_",
    )
    with ExitStack() as running:
        running.callback(temporal.stop)
        temporal.start()
        environment["TEMPORAL_ADDRESS"] = temporal.address
        for process in (
            worker_process(environment, tmp_path),
            portal_process(environment, tmp_path, url),
        ):
            running.callback(process.stop)
            process.start()
        client = await connect(temporal.address, "default")
        yield Theatre(Api(url), client, database, tmp_path)


async def test_no_secret_leaves_the_book(theatre: Theatre, key_ring: SecretStr) -> None:
    theatre.canaries |= {f"contact {name}": value for name, value in CONTACT.items()}
    theatre.canaries |= {f"text of {name}": value for name, value in WORDS.items()}
    theatre.canaries["key ring"] = key_ring.get_secret_value()
    theatre.canaries["token secret"] = TOKEN_SECRET.get_secret_value()
    await plant(theatre)

    await asyncio.to_thread(tell, theatre)

    places = await everything_read_by_others(theatre)
    assert {"product key", "download link", "agent", "approver"} <= set(theatre.canaries)
    assert sightings(theatre.canaries, places) == []
    not_even_there = {name: theatre.canaries[name] for name in NOT_EVEN_IN_THE_BOOK}
    assert sightings(not_even_there, {"the book": dump(theatre.database)}) == []
    planted = sightings({"planted": PLANTED}, places)
    assert any("temporal.db" in place for place in planted), "what is there is found"
    assert any("history" in place for place in planted), "what is there is found"
    assert_nothing_was_missed(places)


async def plant(theatre: Theatre) -> None:
    """A workflow that nobody will ever run, with a canary for an argument."""
    await theatre.client.start_workflow("Nobody", PLANTED, id="planted", task_queue="nobody")


def tell(theatre: Theatre) -> None:
    """Buy, reveal, link, cancel past a failing row, question, answer, approve."""
    api = theatre.api
    agent, approver = theatre.token("agent", BUYER), theatre.token("approver", APPROVER)
    line = {"sku": PER_LINE, "quantity": 1}
    draft = {"customer_id": CUSTOMER, "currency": "EUR", "lines": [line]}
    order = api.post("/orders", agent, draft)
    path = f"/orders/{order['id']}"
    theatre.until(lambda: api.get(path, agent)["status"] == "fulfilled")
    item = f"/software/{order['lines'][0]['software_id']}"
    look(theatre, item, agent)
    case = fail_and_recover(theatre, order, agent)
    ticket = f"/tickets/{case['ticket_id']}"
    api.post(f"{ticket}/questions", approver, {"text": WORDS["question"]})
    api.post(f"{ticket}/answers", agent, {"text": WORDS["answer"]})
    api.post(f"{ticket}/decisions", approver, {"verdict": "approved", "note": WORDS["decision"]})
    case_path = f"/cancellations/{case['id']}"
    theatre.until(lambda: api.get(case_path, agent)["status"] == "completed")
    theatre.until(lambda: unsent(theatre.database) == 0)


def look(theatre: Theatre, item: str, agent: SecretStr) -> None:
    """The key in clear, and a link that somebody opens."""
    api = theatre.api
    theatre.canaries["product key"] = api.post(f"{item}/key-reveals", agent, {})["product_key"]
    build = api.get(f"{item}/downloads", agent)["items"][0]
    link = api.post(f"{item}/download-links", agent, {"file_id": build["id"]})["url"]
    theatre.canaries["download link"] = link.rpartition("/")[2]
    api.fetch(link)
    api.fetch(f"{link}?download=1")
    api.fetch(f"{link}-spoilt")


def fail_and_recover(theatre: Theatre, order: dict[str, Any], agent: SecretStr) -> dict[str, Any]:
    """The ticket's row breaks a rule, so PostgreSQL prints it whole; then the rule goes."""
    spoil = "ALTER TABLE tickets ADD CONSTRAINT canary CHECK (kind <> 'cancellation') NOT VALID"
    with theatre.database.transaction() as connection:
        connection.execute(text(spoil))
    request = {
        "software_id": order["lines"][0]["software_id"],
        "reason": "The customer chose another product.",
        "contact": CONTACT,
    }
    case = theatre.api.post("/cancellations", agent, request)
    log = theatre.data / "log" / "worker.log"
    theatre.until(lambda: b"The database refused: canary" in log.read_bytes())
    with theatre.database.transaction() as connection:
        connection.execute(text("ALTER TABLE tickets DROP CONSTRAINT canary"))
    path = f"/cancellations/{case['id']}"
    theatre.until(lambda: theatre.api.get(path, agent)["ticket_id"])
    found: dict[str, Any] = theatre.api.get(path, agent)
    return found


def unsent(database: Database) -> int:
    query = "SELECT count(*) FROM outbox WHERE channel = 'mail' AND status = 'pending'"
    with database.reading() as connection:
        return int(connection.execute(text(query)).scalar_one())


async def everything_read_by_others(theatre: Theatre) -> dict[str, bytes]:
    """Temporal's store, all histories, all logs, all mails, and the facts of all messages."""
    store = theatre.data / "temporal"
    places = files_below(store, theatre.data / "log", theatre.data / "mail")
    async for found in theatre.client.list_workflows():
        handle = theatre.client.get_workflow_handle(found.id, run_id=found.run_id)
        history = await handle.fetch_history()
        places[f"history of {found.id}"] = opened(history.to_json_dict())
    with theatre.database.reading() as connection:
        rows = connection.execute(select(table(OutboxRow))).all()
        places["outbox"] = "\n".join(str(row) for row in rows).encode()
    return places


def dump(database: Database) -> bytes:
    """Every row of every table, as text."""
    names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    with database.reading() as connection:
        rows = [
            str(row)
            for name in connection.execute(text(names)).scalars().all()
            for row in connection.execute(text(f"SELECT to_json(t)::text FROM {name} t")).scalars()
        ]
    assert CONTACT["name"] in "".join(rows)
    return "\n".join(rows).encode()


def assert_nothing_was_missed(places: dict[str, bytes]) -> None:
    """Each place was there and held what it should: an empty file has no secrets either."""
    names = " ".join(places)
    for part in ("temporal.db", "worker.log", "portal.log", ".eml", "history of cancellation:"):
        assert part in names, part
    assert b"cancellation_completed" in places["outbox"]
    assert b"canary" in places["worker.log"], "the failing row was met"
    [history] = [found for name, found in places.items() if name.startswith("history of canc")]
    assert b"The database refused: canary" in history


@pytest.mark.parametrize("name", ["plain", "undashed", "JSON", "URL", "base64"])
def test_the_searcher_sees_a_canary_however_it_is_written(name: str) -> None:
    canary = "ABCDE-FGHJK-Kanárek"
    written = {
        "plain": b"x" + canary.encode() + b"y",
        "undashed": b"key=ABCDEFGHJKKan\xc3\xa1rek;",
        "JSON": rb'{"a": "ABCDE-FGHJK-Kan\u00e1rek"}',
        "URL": b"/d/ABCDE-FGHJK-Kan%C3%A1rek",
        "base64": base64.b64encode(b'{"key": "' + canary.encode() + b'"}'),
    }
    assert sightings({"it": canary}, {"there": written[name]}) == ["it in there"]
    assert sightings({"it": canary}, {"there": b"ABCDE-FGHJK"}) == []
    assert all(spellings(canary))

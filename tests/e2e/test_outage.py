"""Neighbours that freeze, vanish and come back: no case is lost, none is done twice, nobody waits for ever."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process, create_subprocess_exec
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from temporalio.testing import WorkflowEnvironment

from demo.load import load as read_demo
from integrations.cipher.ring import RingCipher
from integrations.files.local import LocalFiles
from integrations.temporal import connect
from integrations.temporal_server import TemporalServer
from models.cancellation import CancellationStatus
from models.errors import Unavailable
from portal import engine
from storage.embedded import EmbeddedPostgres
from storage.engine import Database
from storage.migration import upgrade
from storage.seed import load
from storage.verify import verify
from tests.fixtures.counter import eventually
from tests.fixtures.end_state import end_state, is_recorded
from tests.fixtures.ring import KEY_RING
from tests.fixtures.survivors import Survivor, cancelled, patiently
from tests.fixtures.victim import Victim, working
from tests.fixtures.worker import house, manned, unmanned
from workflows.search_attributes import SEARCH_ATTRIBUTES

EDGES = ("before", "after")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def temporal_on_disk(tmp_path: Path) -> Iterator[TemporalServer]:
    """A Temporal of this test's own that keeps what it was told."""
    server = TemporalServer(
        SEARCH_ATTRIBUTES, db_filename=tmp_path / "temporal.db", log_file=tmp_path / "temporal.log"
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of this test's own that keeps what it committed."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    yield server
    server.stop()


async def recorded(told: Survivor, step: str) -> None:
    """Wait until the step is in the book."""

    async def found() -> bool:
        return is_recorded(told, step)

    await patiently(found)


def assert_alike(told: Survivor, calm: Survivor) -> None:
    """The same end, and a sound book."""
    assert end_state(told) == end_state(calm)
    assert verify(told.house.database, datetime.now(UTC)).breaches == ()


def state_of(pid: int) -> str:
    """What Linux says a process does: R runs, S sleeps, T is stopped."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return stat.rpartition(")")[2].split()[0]


async def test_a_frozen_worker_is_replaced_and_does_no_harm_when_it_wakes(
    temporal_server: WorkflowEnvironment, database: Database, tmp_path: Path
) -> None:
    async with house(temporal_server.client, database, tmp_path) as inside:
        calm = Survivor(inside)
        await cancelled(calm)
    stories = [Survivor(unmanned(temporal_server.client, database)) for _ in range(2)]
    await asyncio.gather(
        *(freeze(told, edge, tmp_path) for told, edge in zip(stories, EDGES, strict=True))
    )
    for told in stories:
        assert_alike(told, calm)


async def freeze(told: Survivor, edge: str, mail: Path) -> None:
    """Tell the story; its worker freezes around the credit's commit and wakes when all is over."""
    zombie = Victim(
        database_url=told.house.database.url,
        temporal_address=told.house.client.service_client.config.target_host,
        task_queue=told.house.task_queue,
        mail=mail,
        freeze_at=f"book_credit:{edge}",
    )
    with working(zombie) as process:
        pid = process.pid
        assert pid is not None
        telling = asyncio.create_task(cancelled(told))

        async def frozen() -> bool:
            return state_of(pid) == "T"

        await eventually(frozen, 90)
        assert is_recorded(told, "book_credit") == (edge == "after")
        async with manned(told.house, mail):
            await telling
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(1)
            assert process.is_alive(), "it woke, found its work done, and goes on"


async def test_postgresql_killed_in_the_middle_of_a_case_is_waited_for(
    temporal_server: WorkflowEnvironment,
    own_postgres: EmbeddedPostgres,
    cipher: RingCipher,
    demo_files: LocalFiles,
    tmp_path: Path,
) -> None:
    own_postgres.create_database()
    upgrade(own_postgres.url())
    database = Database(own_postgres.url())
    load(database, read_demo(), cipher, demo_files, LONG_AGO, keys_per_sku=5)
    async with house(temporal_server.client, database, tmp_path) as inside:
        calm = Survivor(inside)
        await cancelled(calm)
        told = Survivor(inside)
        telling = asyncio.create_task(cancelled(told))
        for step in ("charge_order", "create_ticket", "record_decision"):
            await recorded(told, step)
            assert own_postgres.pid is not None
            os.kill(own_postgres.pid, signal.SIGKILL)
            await asyncio.sleep(1)
            own_postgres.stop()
            own_postgres.start()
        await telling
    assert_alike(told, calm)
    database.close()


async def test_temporal_killed_with_an_open_case_goes_on_with_it(
    temporal_on_disk: TemporalServer, database: Database, tmp_path: Path
) -> None:
    client = await connect(temporal_on_disk.address, "default")
    async with house(client, database, tmp_path) as inside:
        calm = Survivor(inside)
        await cancelled(calm)
        told = Survivor(inside)
        await told.place()
        await told.request()
        await told.case(CancellationStatus.PENDING_APPROVAL)
        assert temporal_on_disk.pid is not None
        os.kill(temporal_on_disk.pid, signal.SIGKILL)

        newcomer = Survivor(inside)
        with pytest.raises(Unavailable):
            await told.approve_once()
        with pytest.raises(Unavailable):
            await newcomer.place_once()
        assert not is_recorded(newcomer, "place_order"), "refused, so nothing was written"

        temporal_on_disk.start()
        await told.converse()
        await told.approve()
        await told.close()
        await told.close_order()
    assert_alike(told, calm)


async def test_a_decision_that_no_worker_takes_is_unknown_and_may_be_repeated(
    temporal_server: WorkflowEnvironment,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_UPDATE_TIMEOUT", timedelta(seconds=2))
    told = Survivor(unmanned(temporal_server.client, database))
    async with manned(told.house, tmp_path):
        await told.place()
        await told.request()
        await told.case(CancellationStatus.PENDING_APPROVAL)
    with pytest.raises(Unavailable):
        await told.approve_once()
    async with manned(told.house, tmp_path):
        await told.approve()
        await told.close()
    with database.reading() as connection:
        decided = connection.execute(text("SELECT id FROM decisions")).scalars().all()
    assert decided == [told.decision.resource_id]


@asynccontextmanager
async def command(
    told: Survivor, temporal: TemporalServer, data: Path, **extra: str
) -> AsyncIterator[Process]:
    """`keydesk worker`, as it is typed."""
    environment = {
        "PATH": os.environ["PATH"],
        "KEYDESK_DATA_DIR": str(data),
        "KEYDESK_DATABASE_URL": told.house.database.url,
        "KEYDESK_KEY_RING": KEY_RING.get_secret_value(),
        "KEYDESK_TASK_QUEUE": told.house.task_queue,
        "TEMPORAL_ADDRESS": temporal.address,
    }
    process = await create_subprocess_exec(
        sys.executable, "-m", "portal.cli", "worker", env=environment | extra
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_the_command_dies_where_it_is_told_to_and_the_next_one_goes_on(
    temporal_on_disk: TemporalServer, database: Database, tmp_path: Path
) -> None:
    client = await connect(temporal_on_disk.address, "default")
    told = Survivor(unmanned(client, database))
    telling = asyncio.create_task(cancelled(told))
    crash = {"KEYDESK_CRASH_AT": "book_credit:after"}
    async with command(told, temporal_on_disk, tmp_path, **crash) as first:
        async with asyncio.timeout(60):
            assert await first.wait() == -signal.SIGKILL
    assert is_recorded(told, "book_credit")
    assert not is_recorded(told, "revoke_key")
    async with command(told, temporal_on_disk, tmp_path) as second:
        await telling
    assert second.returncode == 0, "asked to end, it ended by itself"
    assert verify(database, datetime.now(UTC)).breaches == ()

"""A mail server that is away, and a worker that dies beside one: money never waits, and no mail is lost."""

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from integrations.notifier.smtp import SmtpNotifier
from processes.ports import free_ports
from storage.engine import Database
from storage.verify import verify
from tests.fixtures.counter import eventually
from tests.fixtures.mail import serving
from tests.fixtures.notices import outbox_row, queue
from tests.fixtures.outbox import due_now
from tests.fixtures.survivors import Survivor, cancelled
from tests.fixtures.victim import Victim, working
from tests.fixtures.worker import house, manned, unmanned
from workflows.outbox import OutboxWorkflow

SENDER = "keydesk@keydesk.test"


async def sending(client: Client, task_queue: str) -> WorkflowHandle[OutboxWorkflow, None]:
    """The workflow that sends, on a task queue of its own."""
    return await client.start_workflow(
        OutboxWorkflow.run, id=f"outbox-{uuid.uuid4().hex}", task_queue=task_queue
    )


def unsent(database: Database) -> int:
    """How many mails wait."""
    with database.reading() as connection:
        query = text("SELECT count(*) FROM outbox WHERE channel = 'mail' AND status = 'pending'")
        found: int = connection.execute(query).scalar_one()
    return found


async def test_a_whole_cancellation_without_a_mail_server_and_every_mail_once_it_is_back(
    temporal_server: WorkflowEnvironment, database: Database, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    notifier = SmtpNotifier("127.0.0.1", port, SENDER, starttls=False)
    short = timedelta(seconds=2)
    async with house(
        temporal_server.client, database, tmp_path, notifier=notifier, run_for=short
    ) as inside:
        handle = await sending(inside.client, inside.task_queue)
        await cancelled(Survivor(inside))
        waiting = unsent(database)
        assert waiting > 3
        with serving(port=port) as server:
            due_now(database)

            async def all_sent() -> bool:
                return unsent(database) == 0

            await eventually(all_sent, 60)
        await handle.terminate()
    assert set(Counter(server.message_ids()).values()) == {1}
    assert len(server.received) == waiting
    assert verify(database, datetime.now(UTC)).breaches == ()


async def test_a_worker_killed_between_the_servers_yes_and_the_record(
    temporal_server: WorkflowEnvironment, database: Database, tmp_path: Path
) -> None:
    inside = unmanned(temporal_server.client, database)
    notice_id = queue(database, at=datetime.now(UTC))
    handle = await sending(inside.client, inside.task_queue)
    with serving() as server:
        victim = Victim(
            database_url=database.url,
            temporal_address=inside.client.service_client.config.target_host,
            task_queue=inside.task_queue,
            mail=tmp_path,
            smtp_port=server.port,
            crash_at="deliver_notice:before",
        )
        with working(victim) as process:
            await asyncio.to_thread(process.join, 90)
            assert not process.is_alive()
        assert len(server.received) == 1
        assert outbox_row(database, notice_id)["status"] == "pending"
        due_now(database)
        notifier = SmtpNotifier("127.0.0.1", server.port, SENDER, starttls=False)
        async with manned(inside, tmp_path, notifier=notifier, run_for=timedelta(seconds=2)):

            async def recorded() -> bool:
                return outbox_row(database, notice_id)["status"] == "sent"

            await eventually(recorded, 60)
            await handle.terminate()
    assert server.message_ids() == [f"<{notice_id}@keydesk.test>"] * 2

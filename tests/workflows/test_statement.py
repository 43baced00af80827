"""The workflow that closes months, and the schedule that starts it, on real servers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from temporalio.client import ScheduleUpdate, ScheduleUpdateInput, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from models.statement import ClosingReport, ClosingRun
from models.tables.column import table
from models.tables.statement import RenditionRow, StatementRow
from portal.schedule import ensure_schedule
from rules.statement import month_of
from storage.engine import Database
from tests.factories import OTHER_BUYER, OTHER_CUSTOMER, Story
from tests.fixtures.closing import broken
from tests.fixtures.worker import House, house
from workflows.statement import StatementWorkflow


async def closing(inside: House, until: datetime | None = None) -> ClosingReport:
    handle: WorkflowHandle[StatementWorkflow, ClosingReport] = await inside.client.start_workflow(
        StatementWorkflow.run,
        ClosingRun(until=until),
        id=f"{inside.task_queue}-statements",
        task_queue=inside.task_queue,
    )
    return await handle.result()


def kept(database: Database, row: type[StatementRow] | type[RenditionRow]) -> int:
    with database.reading() as connection:
        return connection.execute(select(func.count()).select_from(table(row))).scalar_one()


async def test_every_account_is_closed_month_by_month_with_its_pages(
    temporal_server: WorkflowEnvironment, database: Database, tmp_path: Path
) -> None:
    this_month = month_of(datetime.now(UTC))
    last_month = month_of(this_month - timedelta(days=1))
    Story(database, placed_at=last_month - timedelta(days=3), quantity=1).buy()
    Story(database, placed_at=this_month - timedelta(days=3), quantity=1).buy()
    other = Story(database, placed_at=this_month - timedelta(days=3), quantity=1)
    other.place(OTHER_BUYER, OTHER_CUSTOMER).charge().deliver()
    Story(database, placed_at=this_month, quantity=1).buy()

    async with house(temporal_server.client, database, tmp_path) as inside:
        report = await closing(inside)

    assert report == ClosingReport(statements=3, renditions=6)
    assert (kept(database, StatementRow), kept(database, RenditionRow)) == (3, 6)
    assert broken(database, datetime.now(UTC)) == set()


async def test_a_failing_closing_is_tried_again_and_closes_once(
    temporal_server: WorkflowEnvironment, database: Database, tmp_path: Path
) -> None:
    Story(database, placed_at=datetime(2026, 3, 30, tzinfo=UTC), quantity=1).buy()
    to_come = ["close_statement:before", "close_statement:after", "keep_rendition:before"]

    def once_each(point: str) -> None:
        if point in to_come:
            to_come.remove(point)
            raise OperationalError("COMMIT", None, ConnectionError("the connection broke"))

    database.fault = once_each
    async with house(temporal_server.client, database, tmp_path) as inside:
        report = await closing(inside, datetime(2026, 4, 1, tzinfo=UTC))

    assert to_come == []
    assert report.renditions == 2
    assert kept(database, StatementRow) == 1
    assert broken(database, datetime.now(UTC)) == set()


async def test_the_schedule_is_made_once_and_a_pause_outlives_a_start(
    temporal_server: WorkflowEnvironment,
) -> None:
    client, queue = temporal_server.client, "test-schedule"
    await ensure_schedule(client, queue)
    handle = client.get_schedule_handle(f"{queue}-statements")
    await handle.pause(note="An operator waits for a restore.")

    def another_hour(found: ScheduleUpdateInput) -> ScheduleUpdate:
        schedule = found.description.schedule
        schedule.spec.calendars = []
        return ScheduleUpdate(schedule=schedule)

    await handle.update(another_hour)
    await ensure_schedule(client, queue)

    found = (await handle.describe()).schedule
    (night,) = found.spec.calendars
    assert [(r.start, r.end) for r in night.day_of_month] == [(1, 1)]
    assert found.state.paused
    await handle.delete()

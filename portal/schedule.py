"""The schedule that closes every month in the night after it: made once, brought up to date at every start."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from models.statement import ClosingRun
from workflows.statement import StatementWorkflow

# An hour after midnight, so that what was under way then is booked and late entries are few.
_NIGHT = ScheduleCalendarSpec(
    day_of_month=[ScheduleRange(1)], hour=[ScheduleRange(1)], comment="The month just over, in UTC"
)
# A house that was down on the first closes when it is up again; the workflow finds every month left open.
_POLICY = SchedulePolicy(
    overlap=ScheduleOverlapPolicy.BUFFER_ONE, catchup_window=timedelta(days=365)
)


async def ensure_schedule(client: Client, task_queue: str) -> None:
    """Make or renew it; whether an operator paused it is left alone."""
    schedule_id = f"{task_queue}-statements"
    wanted = Schedule(
        action=ScheduleActionStartWorkflow(
            StatementWorkflow.run,
            ClosingRun(),
            id=schedule_id,
            task_queue=task_queue,
            static_summary="Closes the statements of the month just over",
        ),
        spec=ScheduleSpec(calendars=[_NIGHT], time_zone_name="UTC"),
        policy=_POLICY,
    )
    try:
        await client.create_schedule(schedule_id, wanted)
    except ScheduleAlreadyRunningError:

        def renewed(found: ScheduleUpdateInput) -> ScheduleUpdate:
            wanted.state = found.description.schedule.state
            return ScheduleUpdate(schedule=wanted)

        await client.get_schedule_handle(schedule_id).update(renewed)

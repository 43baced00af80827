"""OutboxWorkflow: one life that keeps the delivery of mails going, whatever happens to workers."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.outbox import OutboxActivities
    from models.outbox import DeliveryReport

_ROUND_TIMEOUT = timedelta(minutes=15)
_HEARTBEAT_TIMEOUT = timedelta(seconds=10)
_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=1),
)
_ROUNDS_PER_RUN = 200
_NOTHING_YET = DeliveryReport()


@workflow.defn
class OutboxWorkflow:
    """Round after round of sending; each round is one activity that shows its failures in the Temporal UI."""

    @workflow.init
    def __init__(self, so_far: DeliveryReport = _NOTHING_YET) -> None:
        self._report = so_far

    @workflow.run
    async def run(self, so_far: DeliveryReport = _NOTHING_YET) -> None:
        """Deliver for ever; the history is cut now and then, the counts go on."""
        del so_far
        for _ in range(_ROUNDS_PER_RUN):
            self._tell()
            self._report += await self._round()
            if workflow.info().is_continue_as_new_suggested():
                break
        workflow.continue_as_new(self._report)

    @workflow.query
    def status(self) -> DeliveryReport:
        """How the mails of all finished rounds went."""
        return self._report

    async def _round(self) -> DeliveryReport:
        return await workflow.execute_activity_method(
            OutboxActivities.deliver_notices,
            start_to_close_timeout=_ROUND_TIMEOUT,
            heartbeat_timeout=_HEARTBEAT_TIMEOUT,
            retry_policy=_RETRY,
            summary="Send mails as they become due",
        )

    def _tell(self) -> None:
        report = self._report
        workflow.set_current_details(
            "**Sending mails as they become due**\n\n"
            f"- sent so far: {report.sent}\n"
            f"- put off to a later try: {report.postponed}\n"
            f"- given up: {report.failed}\n"
            f"- not wanted by their readers: {report.skipped}\n\n"
            "Next: the same again. A failing round is retried by itself; its reason stands at the"
            " pending activity. Money and keys never wait for mail."
        )

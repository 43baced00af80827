"""OutboxWorkflow: one life that keeps the delivery of mails going, whatever happens to workers."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.outbox import OutboxActivities
    from models.outbox import DeliveryReport
    from workflows.options import ROUND_HEARTBEAT, ROUND_RETRY, ROUND_TIMEOUT
    from workflows.sending import NOTHING_YET, Sending


@workflow.defn
class OutboxWorkflow(Sending):
    """Round after round of sending; each round is one activity that shows its failures in the Temporal UI."""

    @workflow.init
    def __init__(self, so_far: DeliveryReport = NOTHING_YET) -> None:
        super().__init__(so_far)

    @workflow.run
    async def run(self, so_far: DeliveryReport = NOTHING_YET) -> None:
        """For ever."""
        del so_far
        await self._send_for_ever()

    async def _round(self) -> DeliveryReport:
        return await workflow.execute_activity_method(
            OutboxActivities.deliver_notices,
            start_to_close_timeout=ROUND_TIMEOUT,
            heartbeat_timeout=ROUND_HEARTBEAT,
            retry_policy=ROUND_RETRY,
            summary="Send mails as they become due",
        )

    def _details(self, report: DeliveryReport) -> str:
        return (
            "**Sending mails as they become due**\n\n"
            f"- sent so far: {report.sent}\n"
            f"- put off to a later try: {report.postponed}\n"
            f"- given up: {report.failed}\n"
            f"- not wanted by their readers: {report.skipped}\n\n"
            "Next: the same again. A failing round is retried by itself; its reason stands at the"
            " pending activity. Money and keys never wait for mail."
        )

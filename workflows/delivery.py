"""DeliveryWorkflow: one life that keeps the delivery of events to endpoints going, whatever happens to workers."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.delivery import DeliveryActivities
    from models.outbox import DeliveryReport
    from workflows.options import ROUND_HEARTBEAT, ROUND_RETRY, ROUND_TIMEOUT
    from workflows.sending import NOTHING_YET, Sending


@workflow.defn
class DeliveryWorkflow(Sending):
    """Round after round of delivering; each round is one activity that shows its failures in the Temporal UI."""

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
            DeliveryActivities.deliver_events,
            start_to_close_timeout=ROUND_TIMEOUT,
            heartbeat_timeout=ROUND_HEARTBEAT,
            retry_policy=ROUND_RETRY,
            summary="Deliver events to endpoints as they happen",
        )

    def _details(self, report: DeliveryReport) -> str:
        return (
            "**Delivering events to endpoints as they happen**\n\n"
            f"- attempts that were taken so far: {report.sent}\n"
            f"- that failed and are made again: {report.postponed}\n"
            f"- that failed and were the last: {report.failed}\n\n"
            "Next: the same again. Which endpoint answered what stands in its log"
            " (`GET /api/v1/endpoints/{id}/deliveries`). Money and keys never wait for a delivery."
        )

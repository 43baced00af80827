"""OutsideDeskWorkflow: one life that keeps our cases and an outside ticket desk in step."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.outside_ticket import OutsideTicketActivities
    from models.outside_ticket import DeskReport
    from workflows.options import DESK_HEARTBEAT, ROUND_RETRY, ROUND_TIMEOUT, ROUNDS_PER_RUN

_NOTHING_YET = DeskReport()


@workflow.defn
class OutsideDeskWorkflow:
    """Round after round; each is one activity that shows its failures in the Temporal UI."""

    @workflow.init
    def __init__(self, so_far: DeskReport = _NOTHING_YET) -> None:
        self._report = so_far

    @workflow.run
    async def run(self, so_far: DeskReport = _NOTHING_YET) -> None:
        """Until no desk is set up any more; the history is cut now and then, the counts go on."""
        del so_far
        for _ in range(ROUNDS_PER_RUN):
            self._tell()
            self._report += await self._round()
            if not self._report.configured:
                return
            if workflow.info().is_continue_as_new_suggested():
                break
        workflow.continue_as_new(self._report)

    @workflow.query
    def status(self) -> DeskReport:
        """What all finished rounds did."""
        return self._report

    async def _round(self) -> DeskReport:
        return await workflow.execute_activity_method(
            OutsideTicketActivities.keep_in_step,
            start_to_close_timeout=ROUND_TIMEOUT,
            heartbeat_timeout=DESK_HEARTBEAT,
            retry_policy=ROUND_RETRY,
            summary="Keep cases and the outside ticket desk in step",
        )

    def _tell(self) -> None:
        report = self._report
        workflow.set_current_details(
            "**Keeping cases and the outside ticket desk in step**\n\n"
            f"- times a ticket there was brought into step: {report.told}\n"
            f"- put off to a later try: {report.postponed}\n"
            f"- acts of people there taken: {report.taken}\n\n"
            "Next: the same again. Why a ticket is behind stands with it in our own desk"
            " (`outside_ticket.last_error`). Money, keys and our own desk never wait for it."
        )

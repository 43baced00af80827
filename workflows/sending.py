"""What workflows that send for ever have in common: round after round of one activity, whatever happens to workers."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from models.outbox import DeliveryReport
    from workflows.options import ROUNDS_PER_RUN

NOTHING_YET = DeliveryReport()


class Sending:
    """A workflow says in `_round` what sends, and in `_details` what operators read about it in the Temporal UI."""

    def __init__(self, so_far: DeliveryReport) -> None:
        self._report = so_far

    async def _send_for_ever(self) -> None:
        """The history is cut now and then, the counts go on."""
        for _ in range(ROUNDS_PER_RUN):
            workflow.set_current_details(self._details(self._report))
            self._report += await self._round()
            if workflow.info().is_continue_as_new_suggested():
                break
        workflow.continue_as_new(self._report)

    @workflow.query
    def status(self) -> DeliveryReport:
        """How everything in all finished rounds went."""
        return self._report

    async def _round(self) -> DeliveryReport:
        raise NotImplementedError

    def _details(self, report: DeliveryReport) -> str:
        raise NotImplementedError

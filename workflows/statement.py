"""StatementWorkflow: once a month is over, every account's statement of it, one by one, and then their pages."""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.statement import StatementActivities
    from models.statement import (
        Account,
        ClosingReport,
        ClosingRun,
        ClosingStep,
        DueAccounts,
    )
    from rules.statement import month_of
    from workflows.options import BOOK_RETRY, BOOK_TIMEOUT, TYPESET_TIMEOUT


@workflow.defn
class StatementWorkflow:
    """Closes what is due until nothing is; a closing that fails is retried for ever and shows in the UI."""

    @workflow.init
    def __init__(self, run: ClosingRun) -> None:
        self._until = run.until or month_of(workflow.now())
        self._report = run.so_far

    @workflow.run
    async def run(self, run: ClosingRun) -> ClosingReport:
        """Close up to the end of the month that is just over, or up to the instant asked for."""
        del run
        while accounts := (await self._due()).accounts:
            await self._close(accounts)
        while papers := await self._typeset():
            self._report = self._report.typeset(papers)
            self._tell()
        return self._report

    @workflow.query
    def status(self) -> ClosingReport:
        """How far it has come."""
        return self._report

    async def _close(self, accounts: tuple[Account, ...]) -> None:
        """One period of each; an account with several months to close comes again in the next round."""
        closed = await asyncio.gather(*map(self._close_one, accounts))
        self._report = self._report.closed(sum(closed))
        self._tell()
        if workflow.info().is_continue_as_new_suggested():
            workflow.continue_as_new(ClosingRun(until=self._until, so_far=self._report))

    async def _close_one(self, account: Account) -> bool:
        closed = await workflow.execute_activity_method(
            StatementActivities.close_statement,
            ClosingStep(account=account, until=self._until, at=workflow.now()),
            start_to_close_timeout=BOOK_TIMEOUT,
            retry_policy=BOOK_RETRY,
            summary=f"Close {account.partner_id} in {account.currency}",
        )
        return closed.statement_id is not None

    async def _due(self) -> DueAccounts:
        return await workflow.execute_activity_method(
            StatementActivities.find_due_accounts,
            self._until,
            start_to_close_timeout=BOOK_TIMEOUT,
            retry_policy=BOOK_RETRY,
            summary="Find accounts with a month to close",
        )

    async def _typeset(self) -> int:
        return await workflow.execute_activity_method(
            StatementActivities.typeset_papers,
            workflow.now(),
            start_to_close_timeout=TYPESET_TIMEOUT,
            retry_policy=BOOK_RETRY,
            summary="Make the pages that are missing",
        )

    def _tell(self) -> None:
        workflow.set_current_details(
            f"**Closing statements up to {self._until:%Y-%m-%d}**\n\n"
            f"- statements closed: {self._report.statements}\n"
            f"- pages made: {self._report.renditions}\n\n"
            "Next: what is still due, then missing pages. A failing closing is retried by itself; its reason"
            " stands at the pending activity. `keydesk close-statements` does the same by hand."
        )

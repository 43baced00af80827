"""Running one effect: fast and local first, then as a regular activity that retries for ever and can be seen."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel

    from workflows.options import (
        ATTENTION_AFTER,
        BOOK_RETRY,
        BOOK_TIMEOUT,
        LOCAL_RETRY,
        LOCAL_TIMEOUT,
    )

Answer = TypeVar("Answer", bound=BaseModel)
OnTrouble = Callable[[str | None], Awaitable[None]]


class StepAbandoned(Exception):
    """An operator gave the running step up; only steps before the point of no return allow it."""


class Steps:
    """The steps of one case. `on_trouble` hears a sentence when a step keeps failing, None when it recovers."""

    def __init__(self, on_trouble: OnTrouble) -> None:
        self._on_trouble = on_trouble
        self._retry_asked = False
        self._abandon_asked = False
        self.troubled = False

    def retry_now(self) -> None:
        """Start the failing step again at once instead of at its next retry."""
        self._retry_asked = True

    def abandon(self) -> None:
        """Give the failing step up."""
        self._abandon_asked = True

    async def run(
        self, method: Callable[[Any, Any], Answer], argument: BaseModel, summary: str
    ) -> Answer:
        """The step's answer; a permanent refusal is raised, everything else is retried until it works."""
        try:
            answer: Answer = await workflow.execute_local_activity_method(
                method,
                argument,
                start_to_close_timeout=LOCAL_TIMEOUT,
                retry_policy=LOCAL_RETRY,
                summary=summary,
            )
        except FailureError as error:
            # A local activity's failure comes as it is, not wrapped in an ActivityError as a regular one's.
            if is_cancelled_exception(error) or _is_permanent(error):
                raise
            return await self._insist(method, argument, summary)
        return answer

    async def _insist(
        self, method: Callable[[Any, Any], Answer], argument: BaseModel, summary: str
    ) -> Answer:
        self._abandon_asked = False
        try:
            while True:
                self._retry_asked = False
                running = workflow.start_activity_method(
                    method,
                    argument,
                    start_to_close_timeout=BOOK_TIMEOUT,
                    retry_policy=BOOK_RETRY,
                    summary=summary,
                )
                await self._watch(running, summary)
                if running.done():
                    answer: Answer = await running
                    return answer
                running.add_done_callback(_forget)
                running.cancel()
                if self._abandon_asked:
                    raise StepAbandoned(summary)
        finally:
            if self.troubled:
                self.troubled = False
                await self._on_trouble(None)

    async def _watch(self, running: workflow.ActivityHandle[Answer], summary: str) -> None:
        def settled() -> bool:
            return running.done() or self._retry_asked or self._abandon_asked

        if self.troubled:
            await workflow.wait_condition(settled)
            return
        try:
            await workflow.wait_condition(
                settled, timeout=ATTENTION_AFTER, timeout_summary="Time to tell an operator"
            )
        except TimeoutError:
            self.troubled = True
            await self._on_trouble(f"The step “{summary}” keeps failing; it is retried for ever.")
            await workflow.wait_condition(settled)


def _is_permanent(error: FailureError) -> bool:
    reason = error.cause if isinstance(error, ActivityError) else error
    return isinstance(reason, ApplicationError) and reason.non_retryable


def _forget(abandoned: workflow.ActivityHandle[Answer]) -> None:
    """Look at how an abandoned attempt ended, so that asyncio does not complain that nobody did."""
    if not abandoned.cancelled():
        abandoned.exception()


async def sleep_until(instant: datetime, woken: Callable[[], bool], summary: str) -> bool:
    """Wait for the instant or for `woken`, whichever comes first; True if woken."""
    left = instant - workflow.now()
    if left.total_seconds() <= 0:
        return woken()
    try:
        await workflow.wait_condition(woken, timeout=left, timeout_summary=summary)
    except TimeoutError:
        return woken()
    return True

"""Refusing an update: the one way that tells the caller and leaves the workflow untouched."""

from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from models.decision import DecisionRecord


def refuse(code: str, sentence: str) -> NoReturn:
    """Any other exception type would fail the workflow task and hang the caller."""
    raise ApplicationError(sentence, type=code, non_retryable=True)


def refuse_decided(record: DecisionRecord) -> NoReturn:
    """Somebody was first; say who."""
    refuse(
        "already_decided",
        f"The case was settled before: {record.verdict} by {record.decided_by}.",
    )

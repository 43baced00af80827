"""Stuck: what waits longer than it should, why, and what helps; for operators, without secrets or contact data."""

from enum import StrEnum

from pydantic import AwareDatetime

from models.base import Value


class StuckKind(StrEnum):
    """What is wrong; docs/runbook.md has a paragraph for each."""

    ENGINE_AWAY = "engine_away"
    NO_WORKER = "no_worker"
    WORKFLOW_MISSING = "workflow_missing"
    WORKFLOW_ENDED = "workflow_ended"
    WORKFLOW_LEFT_OVER = "workflow_left_over"
    WORKFLOW_FAILING = "workflow_failing"
    STEP_FAILING = "step_failing"
    STEP_UNCLAIMED = "step_unclaimed"
    STEP_OVERDUE = "step_overdue"
    NEEDS_ATTENTION = "needs_attention"
    STOCK_MISSING = "stock_missing"
    APPROVAL_OVERDUE = "approval_overdue"
    EVENT_WAITING = "event_waiting"
    EVENT_PARKED = "event_parked"
    DELIVERY_WAITING = "delivery_waiting"
    MAIL_WAITING = "mail_waiting"
    MAIL_FAILED = "mail_failed"
    MAIL_BOUNCED = "mail_bounced"


class Stuck(Value):
    """One thing that waits: what, since when (None where nobody can know), why, and what to do."""

    kind: StuckKind
    subject: str
    since: AwareDatetime | None
    why: str
    remedy: str


class CaseRow(Value):
    """What the book says about the case of one workflow."""

    workflow_id: str
    subject: str
    status: str
    since: AwareDatetime
    over: bool


class PendingStep(Value):
    """An activity that has not ended: how often it was tried, and what the last try met."""

    name: str
    attempt: int
    scheduled_at: AwareDatetime | None
    started: bool
    last_failure: str | None


class RunningCase(Value):
    """What the process engine says about one running workflow."""

    workflow_id: str
    started_at: AwareDatetime
    running: bool = True
    task_attempt: int = 0
    task_scheduled_at: AwareDatetime | None = None
    steps: tuple[PendingStep, ...] = ()

"""Rows of decisions: attempts, approvals, the verdict that stands, and approvals that were taken back."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from models.decision import Verdict
from models.tables.column import AMOUNT, INSTANT, TEXT, Row, one_of


def _in_round() -> tuple[CheckConstraint, ForeignKeyConstraint]:
    """A round after the first follows an approval that was taken back in the round before it."""
    return (
        CheckConstraint("previous_round IS NOT DISTINCT FROM nullif(round - 1, 0)", name="round"),
        ForeignKeyConstraint(
            ["cancellation_id", "previous_round"],
            ["decision_undos.cancellation_id", "decision_undos.round"],
            use_alter=True,
        ),
    )


class DecisionAttemptRow(Row, table=True):
    """Every try to settle a case, also the refused ones: a rejected Update leaves no trace in Temporal."""

    __tablename__ = "decision_attempts"
    __table_args__ = (one_of("verdict", Verdict),)

    id: str = Field(primary_key=True, sa_type=TEXT)
    cancellation_id: str = Field(foreign_key="cancellations.id", sa_type=TEXT, index=True)
    actor_id: str = Field(foreign_key="users.id", sa_type=TEXT)
    verdict: str = Field(sa_type=TEXT)
    amount_minor: int | None = Field(default=None, sa_type=AMOUNT)
    note: str | None = Field(default=None, sa_type=TEXT)
    reason_code: str | None = Field(default=None, sa_type=TEXT)
    on_behalf_of: str | None = Field(default=None, sa_type=TEXT)
    attempted_at: datetime = Field(sa_type=INSTANT)


class DecisionRow(Row, table=True):
    """A verdict; one per case, and another one in the next round if it was an approval that was taken back.

    Never by the requester unless it is their own withdrawal.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        one_of("verdict", Verdict),
        ForeignKeyConstraint(
            ["cancellation_id", "requester_id"], ["cancellations.id", "cancellations.requester_id"]
        ),
        UniqueConstraint("cancellation_id", "round"),
        UniqueConstraint("id", "cancellation_id", "verdict", "amount_minor", "decided_at"),
        UniqueConstraint("id", "cancellation_id", "round", "verdict", "undo_until"),
        *_in_round(),
        CheckConstraint(
            "undo_until IS NULL OR (undo_until > decided_at AND verdict = 'approved' AND NOT automatic)",
            name="undoable",
        ),
        CheckConstraint(
            "on_behalf_of IS NULL OR (verdict IN ('approved', 'declined') AND NOT automatic"
            " AND on_behalf_of <> decided_by)",
            name="behalf_of_approver",
        ),
        CheckConstraint(
            "verdict = 'withdrawn' OR decided_by <> requester_id", name="not_the_requester"
        ),
        CheckConstraint(
            "(verdict = 'approved') = (amount_minor IS NOT NULL)", name="amount_if_approved"
        ),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("reason_code IS NULL OR verdict = 'declined'", name="reason_of_decline"),
        CheckConstraint(
            "automatic = (decided_by IN ('usr_policy', 'usr_system'))", name="automatic"
        ),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    cancellation_id: str = Field(sa_type=TEXT)
    requester_id: str = Field(sa_type=TEXT)
    decided_by: str = Field(foreign_key="users.id", sa_type=TEXT)
    verdict: str = Field(sa_type=TEXT)
    amount_minor: int | None = Field(default=None, sa_type=AMOUNT)
    note: str | None = Field(default=None, sa_type=TEXT)
    reason_code: str | None = Field(default=None, sa_type=TEXT)
    decided_at: datetime = Field(sa_type=INSTANT)
    automatic: bool = False
    round: int = 1
    previous_round: int | None = None
    undo_until: datetime | None = Field(default=None, sa_type=INSTANT)
    on_behalf_of: str | None = Field(default=None, foreign_key="users.id", sa_type=TEXT)


class UndoRow(Row, table=True):
    """An approval taken back in its time; only then may the case have another verdict, in the next round."""

    __tablename__ = "decision_undos"
    __table_args__ = (
        ForeignKeyConstraint(
            ["decision_id", "cancellation_id", "round", "verdict", "undo_until"],
            [f"decisions.{c}" for c in ("id", "cancellation_id", "round", "verdict", "undo_until")],
        ),
        UniqueConstraint("cancellation_id", "round"),
        UniqueConstraint("decision_id"),
        CheckConstraint("verdict = 'approved'", name="approved"),
        CheckConstraint("undone_at <= undo_until", name="in_time"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    decision_id: str = Field(sa_type=TEXT)
    cancellation_id: str = Field(sa_type=TEXT)
    round: int
    verdict: str = Field(sa_type=TEXT)
    undo_until: datetime = Field(sa_type=INSTANT)
    undone_by: str = Field(foreign_key="users.id", sa_type=TEXT)
    undone_at: datetime = Field(sa_type=INSTANT)


class ApprovalRow(Row, table=True):
    """One of several approvals a case needs: each by another person, none by the requester."""

    __tablename__ = "approvals"
    __table_args__ = (
        ForeignKeyConstraint(
            ["cancellation_id", "requester_id"], ["cancellations.id", "cancellations.requester_id"]
        ),
        UniqueConstraint("cancellation_id", "round", "approved_by"),
        UniqueConstraint("cancellation_id", "round", "number"),
        *_in_round(),
        CheckConstraint("on_behalf_of <> approved_by", name="behalf_of_another"),
        CheckConstraint("approved_by <> requester_id", name="not_the_requester"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("number > 0", name="number_positive"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    cancellation_id: str = Field(sa_type=TEXT)
    requester_id: str = Field(sa_type=TEXT)
    number: int
    stage: str = Field(sa_type=TEXT)
    approved_by: str = Field(foreign_key="users.id", sa_type=TEXT)
    amount_minor: int = Field(sa_type=AMOUNT)
    approved_at: datetime = Field(sa_type=INSTANT)
    round: int = 1
    previous_round: int | None = None
    on_behalf_of: str | None = Field(default=None, foreign_key="users.id", sa_type=TEXT)

"""Rows of outside tickets: the copy of a case at another desk, its approvals, what came from there, and who is who."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.tables.column import AMOUNT, INSTANT, TEXT, Row


class OutsideTicketRow(Row, table=True):
    """A ticket's copy; `told_effect` is the last entry of the case's timeline that the desk has heard."""

    __tablename__ = "outside_tickets"
    __table_args__ = (
        UniqueConstraint("desk", "number"),
        UniqueConstraint("ticket_id", "desk"),
        CheckConstraint("(number IS NULL) = (link IS NULL)", name="opened_whole"),
        CheckConstraint("number IS NOT NULL OR closed_at IS NULL", name="closed_after_open"),
        Index("ix_outside_tickets_due", "closed_at", "next_attempt_at"),
    )

    ticket_id: str = Field(primary_key=True, foreign_key="tickets.id", sa_type=TEXT)
    desk: str = Field(sa_type=TEXT)
    number: str | None = Field(default=None, sa_type=TEXT)
    link: str | None = Field(default=None, sa_type=TEXT)
    told_effect: int = Field(sa_type=AMOUNT)
    closed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    attempts: int = 0
    next_attempt_at: datetime = Field(sa_type=INSTANT)
    last_error: str | None = Field(default=None, sa_type=TEXT)


class OutsideApprovalRow(Row, table=True):
    """One approval asked for at the desk; the n-th of its ticket, closed when somebody acted on it."""

    __tablename__ = "outside_approvals"
    __table_args__ = (
        ForeignKeyConstraint(
            ["ticket_id", "desk"], ["outside_tickets.ticket_id", "outside_tickets.desk"]
        ),
        UniqueConstraint("ticket_id", "position"),
        CheckConstraint("position > 0", name="position"),
        Index(
            "uq_outside_approvals_one_open",
            "ticket_id",
            unique=True,
            postgresql_where="closed_at IS NULL",
        ),
    )

    desk: str = Field(primary_key=True, sa_type=TEXT)
    number: str = Field(primary_key=True, sa_type=TEXT)
    ticket_id: str = Field(sa_type=TEXT)
    position: int
    asked_at: datetime = Field(sa_type=INSTANT)
    closed_at: datetime | None = Field(default=None, sa_type=INSTANT)


class OutsideChangeRow(Row, table=True):
    """One act of a person at the desk: taken once, as an event of the inbox, and answered if the house refused it."""

    __tablename__ = "outside_changes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["ticket_id", "desk"], ["outside_tickets.ticket_id", "outside_tickets.desk"]
        ),
        ForeignKeyConstraint(["desk", "event_id"], ["inbox.source", "inbox.event_id"]),
        UniqueConstraint("desk", "event_id"),
        Index("ix_outside_changes_unanswered", "ticket_id", postgresql_where="answered_at IS NULL"),
    )

    desk: str = Field(primary_key=True, sa_type=TEXT)
    number: int = Field(primary_key=True, sa_type=AMOUNT)
    event_id: str = Field(sa_type=TEXT)
    ticket_id: str = Field(sa_type=TEXT)
    answered_at: datetime | None = Field(default=None, sa_type=INSTANT)


class OutsideCursorRow(Row, table=True):
    """How far the acts at a desk have been read."""

    __tablename__ = "outside_cursors"

    desk: str = Field(primary_key=True, sa_type=TEXT)
    position: int = Field(sa_type=AMOUNT)


class DeskPersonRow(Row, table=True):
    """Whom of the house a person at the desk is, by their name or e-mail there, in small letters."""

    __tablename__ = "desk_people"
    __table_args__ = (CheckConstraint("name = lower(name) AND name <> ''", name="name"),)

    desk: str = Field(primary_key=True, sa_type=TEXT)
    name: str = Field(primary_key=True, sa_type=TEXT)
    user_id: str = Field(foreign_key="users.id", sa_type=TEXT)

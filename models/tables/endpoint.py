"""Rows of endpoints and of the secrets that sign what they get."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field

from models.endpoint import DisabledReason, EndpointStatus
from models.tables.column import AMOUNT, BYTES, INSTANT, TEXT, TEXTS, Row, one_of


class EndpointRow(Row, table=True):
    """Where somebody wants events; of one partner, or (null) of the house, which sees all."""

    __tablename__ = "endpoints"
    __table_args__ = (
        one_of("status", EndpointStatus),
        one_of("disabled_reason", DisabledReason),
        CheckConstraint(
            "(status = 'disabled') = (disabled_reason IS NOT NULL)", name="disabled_whole"
        ),
        CheckConstraint("(failures > 0) = (failing_since IS NOT NULL)", name="failing_whole"),
        CheckConstraint("planned_to >= starts_after", name="planned_from_start"),
        Index("ix_endpoints_partner", "partner_id", "id"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    partner_id: str | None = Field(default=None, foreign_key="partners.id", sa_type=TEXT)
    url: str = Field(sa_type=TEXT)
    types: list[str] = Field(sa_type=TEXTS)
    description: str | None = Field(default=None, sa_type=TEXT)
    created_at: datetime = Field(sa_type=INSTANT)
    created_by: str = Field(foreign_key="users.id", sa_type=TEXT)
    starts_after: int = Field(sa_type=AMOUNT)
    planned_to: int = Field(sa_type=AMOUNT)
    status: str = Field(default=EndpointStatus.ACTIVE, sa_type=TEXT)
    status_at: datetime = Field(sa_type=INSTANT)
    status_by: str = Field(foreign_key="users.id", sa_type=TEXT)
    disabled_reason: str | None = Field(default=None, sa_type=TEXT)
    failures: int = 0
    failing_since: datetime | None = Field(default=None, sa_type=INSTANT)
    rests_until: datetime = Field(sa_type=INSTANT)


class EndpointSecretRow(Row, table=True):
    """One secret of an endpoint, sealed for it; the one without an end is the current one."""

    __tablename__ = "endpoint_secrets"
    __table_args__ = (
        Index(
            "uq_endpoint_secrets_one_current",
            "endpoint_id",
            unique=True,
            postgresql_where="expires_at IS NULL",
        ),
        Index("ix_endpoint_secrets_endpoint", "endpoint_id", "created_at"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    endpoint_id: str = Field(foreign_key="endpoints.id", sa_type=TEXT)
    ciphertext: bytes = Field(sa_type=BYTES)
    wrapped_key: bytes = Field(sa_type=BYTES)
    ring_key_id: str = Field(sa_type=TEXT)
    seal_version: int
    created_at: datetime = Field(sa_type=INSTANT)
    created_by: str = Field(foreign_key="users.id", sa_type=TEXT)
    expires_at: datetime | None = Field(default=None, sa_type=INSTANT)

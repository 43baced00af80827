"""Rows of partners, users and their roles."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from models.outlook import Language
from models.principal import Role
from models.tables.column import INSTANT, TEXT, Row, one_of


class PartnerRow(Row, table=True):
    """A reseller; `language` is that of its people who chose none."""

    __tablename__ = "partners"
    __table_args__ = (one_of("language", Language),)

    id: str = Field(primary_key=True, sa_type=TEXT)
    name: str = Field(sa_type=TEXT)
    mpn_id: str = Field(unique=True, sa_type=TEXT)
    country: str = Field(sa_type=TEXT)
    language: str | None = Field(default=None, sa_type=TEXT)


class UserRow(Row, table=True):
    """A person; of a partner, of a customer, or (neither) of the house."""

    __tablename__ = "users"
    __table_args__ = (
        ForeignKeyConstraint(
            ["partner_id", "customer_id"], ["customers.partner_id", "customers.id"]
        ),
        one_of("language", Language),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    name: str = Field(sa_type=TEXT)
    email: str = Field(sa_type=TEXT)
    subject: str | None = Field(default=None, unique=True, sa_type=TEXT)
    partner_id: str | None = Field(default=None, foreign_key="partners.id", sa_type=TEXT)
    customer_id: str | None = Field(default=None, sa_type=TEXT)
    active: bool = True
    language: str | None = Field(default=None, sa_type=TEXT)
    time_zone: str | None = Field(default=None, sa_type=TEXT)


class UserRoleRow(Row, table=True):
    """One role of one user; read at every act."""

    __tablename__ = "user_roles"
    __table_args__ = (one_of("role", Role),)

    user_id: str = Field(primary_key=True, foreign_key="users.id", sa_type=TEXT)
    role: str = Field(primary_key=True, index=True, sa_type=TEXT)


class EventSourceRow(Row, table=True):
    """A portal that may send events; bound to one partner, or (null) to the house's own portal."""

    __tablename__ = "event_sources"

    source: str = Field(primary_key=True, sa_type=TEXT)
    partner_id: str | None = Field(default=None, foreign_key="partners.id", sa_type=TEXT)


class IdempotencyKeyRow(Row, table=True):
    """The receipt of one API request: which body came first, when, and the id it was given."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("resource_id"),)

    principal_id: str = Field(primary_key=True, foreign_key="users.id", sa_type=TEXT)
    route: str = Field(primary_key=True, sa_type=TEXT)
    key: str = Field(primary_key=True, sa_type=TEXT)
    body_sha256: bytes
    received_at: datetime = Field(sa_type=INSTANT)
    resource_id: str = Field(sa_type=TEXT)

"""Rows of the revocation feed: its epochs, each revoked key's place in them, and keys that wait for theirs."""

from datetime import datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from models.tables.column import AMOUNT, BYTES, INSTANT, TEXT, Row, filled_by_trigger


class RevocationEpochRow(Row, table=True):
    """A stretch of time under one key of the keyed hashes; the newest one is in force."""

    __tablename__ = "revocation_epochs"
    __table_args__ = (
        CheckConstraint("number > 0", name="number_positive"),
        CheckConstraint("octet_length(epoch_key) = 32", name="key_length"),
    )

    number: int = Field(primary_key=True)
    epoch_key: bytes = Field(sa_type=BYTES, unique=True)
    began_at: datetime = Field(sa_type=INSTANT)
    began_by: str = Field(foreign_key="users.id", sa_type=TEXT)


class RevocationRow(Row, table=True):
    """One revoked key in one epoch; `number` and `chain` are filled by the database."""

    __tablename__ = "revocations"
    __table_args__ = (
        UniqueConstraint("epoch", "key_id"),
        UniqueConstraint("epoch", "digest"),
        CheckConstraint("octet_length(digest) = 32", name="digest_length"),
        CheckConstraint("revoked_at = date_trunc('second', revoked_at)", name="whole_seconds"),
    )

    epoch: int = Field(primary_key=True, foreign_key="revocation_epochs.number")
    number: int = Field(primary_key=True, sa_type=AMOUNT, sa_column_kwargs=filled_by_trigger())
    key_id: str = Field(foreign_key="product_keys.id", sa_type=TEXT)
    digest: bytes = Field(sa_type=BYTES)
    revoked_at: datetime = Field(sa_type=INSTANT)
    published_at: datetime = Field(sa_type=INSTANT)
    chain: bytes = Field(sa_type=BYTES)


class RevocationWaitingRow(Row, table=True):
    """A revoked key that has no place in the newest epoch yet; written by a trigger, so that none is forgotten."""

    __tablename__ = "revocations_waiting"

    key_id: str = Field(primary_key=True, foreign_key="product_keys.id", sa_type=TEXT)
    broken_at: datetime | None = Field(default=None, sa_type=INSTANT)

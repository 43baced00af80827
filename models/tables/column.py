"""Column shapes that every table shares: instants, JSON, enums held by a check, and the row base."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    FetchedValue,
    LargeBinary,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import ARRAY, INT4MULTIRANGE, JSONB, TSVECTOR, Range
from sqlmodel import SQLModel

INSTANT = cast(Any, DateTime(timezone=True))
DOCUMENT = cast(Any, JSONB)
AMOUNT = cast(Any, BigInteger)
BYTES = cast(Any, LargeBinary)
TEXT = cast(Any, Text)
TEXTS = cast(Any, ARRAY(Text))
WORDS = cast(Any, TSVECTOR)


class UnitNumbers(TypeDecorator[tuple[int, ...]]):
    """Numbers in order, each once, kept as ranges: all 10,000 units of a line take no more room than one."""

    impl = INT4MULTIRANGE
    cache_ok = True

    @property
    def python_type(self) -> type[Any]:
        """A tuple, not the ranges."""
        return tuple

    def process_bind_param(
        self, value: tuple[int, ...] | None, dialect: Dialect
    ) -> list[Range[int]] | None:
        """As ranges of one number each; PostgreSQL joins them."""
        del dialect
        return None if value is None else [Range(number, number + 1) for number in value]

    def process_result_value(
        self, value: Sequence[Any] | None, dialect: Dialect
    ) -> tuple[int, ...] | None:
        """Number by number."""
        del dialect
        if value is None:
            return None
        return tuple(number for part in value for number in range(part.lower, part.upper))


UNITS = cast(Any, UnitNumbers)


class Row(SQLModel):
    """A database row; constraint names follow one convention so that code can tell which rule spoke."""


Row.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def table(row: type[Row]) -> Table:
    """The table behind a row class, for statements: `orders = table(OrderRow)`, `orders.c.status`."""
    found: Table = row.__table__  # type: ignore[attr-defined]
    return found


def filled_by_trigger() -> dict[str, Any]:
    """For a column that inserts leave to a trigger: SQLAlchemy would warn of the missing value."""
    return {"server_default": FetchedValue()}


def one_of(column: str, choices: type[StrEnum]) -> CheckConstraint:
    """A check that a text column holds a member of the enum."""
    listed = ", ".join(f"'{choice.value}'" for choice in choices)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")

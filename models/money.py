"""Money: integer minor units with an ISO 4217 currency; no float anywhere."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints

from models.base import Value

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
MINOR_DIGITS = {"JPY": 0, "KRW": 0, "HUF": 2}
MAX_MINOR = 10**15


class Money(Value):
    """An amount, e.g. `{"amount_minor": 124900, "currency": "EUR"}` for 1,249.00 EUR."""

    amount_minor: int = Field(strict=True, ge=-MAX_MINOR, le=MAX_MINOR)
    currency: Currency

    def __add__(self, other: Self) -> "Money":
        self._same_currency(other)
        return Money(amount_minor=self.amount_minor + other.amount_minor, currency=self.currency)

    def __mul__(self, quantity: int) -> "Money":
        return Money(amount_minor=self.amount_minor * quantity, currency=self.currency)

    def __le__(self, other: Self) -> bool:
        self._same_currency(other)
        return self.amount_minor <= other.amount_minor

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")

    def __str__(self) -> str:
        digits = MINOR_DIGITS.get(self.currency, 2)
        whole, minor = divmod(abs(self.amount_minor), 10**digits)
        sign = "-" if self.amount_minor < 0 else ""
        fraction = f".{minor:0{digits}d}" if digits else ""
        return f"{sign}{whole:,}{fraction} {self.currency}"


def zero(currency: str) -> Money:
    """Nothing, in a currency."""
    return Money(amount_minor=0, currency=currency)

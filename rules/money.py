"""Amounts as people read and write them, in English and in Czech."""

import re

from models.money import MAX_MINOR, MINOR_DIGITS, Money
from models.outlook import Language

_CZECH_FIGURES = str.maketrans({",": "\N{NO-BREAK SPACE}", ".": ",", " ": "\N{NO-BREAK SPACE}"})


def money_text(money: Money, language: Language) -> str:
    """1,029.00 EUR, in Czech 1 029,00 EUR."""
    return str(money) if language is Language.ENGLISH else str(money).translate(_CZECH_FIGURES)


_AMOUNT = re.compile(r"([0-9]{1,15})(?:[.,]([0-9]{1,2}))?")


def parse_amount(text: str, currency: str) -> Money | None:
    """An amount as typed, with a point or a comma before the minor units; None for what is no such number.

    Spaces may part the thousands. A comma or point does not: 1,249 could be either, and is refused.
    """
    digits = MINOR_DIGITS.get(currency, 2)
    found = _AMOUNT.fullmatch("".join(text.split()))
    if found is None:
        return None
    whole, minor = found[1], found[2] or ""
    if len(minor) not in (0, digits):
        return None
    amount = int(whole + (minor or "0" * digits))
    return Money(amount_minor=amount, currency=currency) if amount <= MAX_MINOR else None

"""Amounts as people read them, in English and in Czech."""

from models.money import Money
from models.outlook import Language

_CZECH_FIGURES = str.maketrans({",": "\N{NO-BREAK SPACE}", ".": ",", " ": "\N{NO-BREAK SPACE}"})


def money_text(money: Money, language: Language) -> str:
    """1,029.00 EUR, in Czech 1 029,00 EUR."""
    return str(money) if language is Language.ENGLISH else str(money).translate(_CZECH_FIGURES)

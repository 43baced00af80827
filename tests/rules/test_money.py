"""Amounts as people write them."""

import pytest

from rules.money import parse_amount


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("1249", 124_900),
        ("1249.00", 124_900),
        ("1249,50", 124_950),
        ("1 029,00", 102_900),
        ("1\N{NO-BREAK SPACE}029,00", 102_900),
        ("0", 0),
        (" 7 ", 700),
    ],
)
def test_an_amount_is_read_as_it_is_meant(text: str, minor: int) -> None:
    amount = parse_amount(text, "EUR")
    assert amount is not None
    assert (amount.amount_minor, amount.currency) == (minor, "EUR")


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "+1", "1,249", "1.2", "1.2.3", "1e3", "NaN", "١", "1" * 16, "5 EUR"]
)
def test_what_could_be_meant_in_two_ways_is_not_read(text: str) -> None:
    assert parse_amount(text, "EUR") is None


def test_a_currency_without_minor_units_has_none() -> None:
    yen = parse_amount("1249", "JPY")
    assert yen is not None
    assert yen.amount_minor == 1249
    assert parse_amount("1249.00", "JPY") is None

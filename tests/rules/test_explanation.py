"""The sentences in both languages: whole stories by table, and no verdict without words of its own."""

from datetime import timedelta
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cancellation import IneligibilityReason
from models.catalogue import Family
from models.money import Money
from models.outlook import Language
from rules.cancellation import explain, quote
from rules.explanation import _PHRASES, explain_all, explain_quote
from rules.outlook import outlook
from tests.rules.test_cancellation import (
    DAY,
    INSTANT,
    PLACED,
    REASONS,
    SECOND,
    YEAR,
    eur,
    line,
    policy,
)
from tests.rules.test_outlook import SUBSCRIPTION

STRICT = policy(refuse_revealed_key=True, refuse_started_download=True)
PARTS: dict[str, Any] = {"terms": policy(partial_quantity=True), "divisible": True}


def told(language: str, elapsed: timedelta, requested: Money | None = None, **more: Any) -> str:
    terms = more.pop("terms", STRICT)
    found = quote(line(**more), terms, PLACED + elapsed, requested)
    sentences = explain_all(found, outlook(found, terms, requested), Language(language))
    return sentences.replace("\N{NO-BREAK SPACE}", "_")


@pytest.mark.parametrize(
    ("language", "elapsed", "more", "story"),
    [
        (
            "en",
            DAY,
            {"terms": SUBSCRIPTION, **YEAR},
            "A cancellation received at 2026-01-06 09:30:00 UTC earns the full credit of 730.00 EUR;"
            " the window closes at 2026-01-12 09:30:00 UTC."
            " Until 2026-01-06 09:30:00 UTC the credit stays at 730.00 EUR."
            " From 2026-01-06 09:30:00.000001 UTC until 2026-01-12 09:30:00 UTC"
            " the credit falls from 728.00 EUR to 718.00 EUR.",
        ),
        (
            "cs",
            DAY,
            {"terms": SUBSCRIPTION, **YEAR},
            "Storno přijaté 6. 1. 2026 09:30:00 UTC přinese plný dobropis 730,00_EUR;"
            " lhůta končí 12. 1. 2026 09:30:00 UTC."
            " Do 6. 1. 2026 09:30:00 UTC zůstává dobropis 730,00_EUR."
            " Od 6. 1. 2026 09:30:00,000001 UTC do 12. 1. 2026 09:30:00 UTC"
            " klesá dobropis z 728,00_EUR na 718,00_EUR.",
        ),
        (
            "en",
            60 * DAY + SECOND,
            {},
            "A cancellation received at 2026-03-06 09:30:01 UTC comes too late;"
            " the window closed at 2026-03-06 09:30:00 UTC."
            " It would have been accepted until 2026-03-06 09:30:00 UTC, for a credit of 100.80 EUR.",
        ),
        (
            "cs",
            60 * DAY + SECOND,
            {"unit_price": eur(123_456_789), "quantity": 1, "total": eur(123_456_789)},
            "Storno přijaté 6. 3. 2026 09:30:01 UTC přichází pozdě;"
            " lhůta skončila 6. 3. 2026 09:30:00 UTC."
            " Bylo by bývalo přijato do 6. 3. 2026 09:30:00 UTC, s dobropisem 1_234_567,89_EUR.",
        ),
        (
            "en",
            DAY,
            {"key_revealed": True, "fulfilled": False},
            "A cancellation received at 2026-01-06 09:30:00 UTC is refused because the order is not"
            " fulfilled; the window closes at 2026-03-06 09:30:00 UTC."
            " It would be accepted until 2026-03-06 09:30:00 UTC, with the order fulfilled"
            " and no product key of the line revealed, for a credit of 100.80 EUR.",
        ),
        (
            "cs",
            DAY,
            {"key_revealed": True, "fulfilled": False},
            "Storno přijaté 6. 1. 2026 09:30:00 UTC se zamítá, protože objednávka není vyřízena;"
            " lhůta končí 6. 3. 2026 09:30:00 UTC."
            " Bylo by přijato do 6. 3. 2026 09:30:00 UTC, kdyby objednávka byla vyřízena"
            " a kdyby nebyl zobrazen žádný produktový klíč položky, s dobropisem 100,80_EUR.",
        ),
        (
            "en",
            DAY,
            {**PARTS, "wanted_quantity": 4},
            "A cancellation received at 2026-01-06 09:30:00 UTC earns the full credit of 40.32 EUR"
            " for 4 of 10 units; the window closes at 2026-03-06 09:30:00 UTC."
            " Until 2026-03-06 09:30:00 UTC the credit stays at 40.32 EUR.",
        ),
        (
            "cs",
            DAY,
            {**PARTS, "cancelled_quantity": 4, "wanted_quantity": 7},
            "Storno přijaté 6. 1. 2026 09:30:00 UTC se zamítá, protože požadovaný počet kusů je 7"
            " a zbývá 6 z 10; lhůta končí 6. 3. 2026 09:30:00 UTC."
            " Bylo by přijato do 6. 3. 2026 09:30:00 UTC, kdyby se nežádalo o víc kusů, než zbývá,"
            " s dobropisem 60,48_EUR.",
        ),
    ],
)
def test_a_whole_story(language: str, elapsed: timedelta, more: dict[str, Any], story: str) -> None:
    assert told(language, elapsed, **more) == story


@pytest.mark.parametrize("language", Language)
def test_every_reason_has_its_own_words(language: Language) -> None:
    stories = {told(language, DAY, eur(10_081), **change) for _, change in REASONS}

    assert len(stories) == len(REASONS)


@pytest.mark.parametrize("language", Language)
def test_no_verdict_is_without_words(language: Language) -> None:
    phrases = _PHRASES[language]

    assert set(phrases.refused) == set(IneligibilityReason)
    assert set(phrases.conditions) == set(IneligibilityReason) - {IneligibilityReason.WINDOW_CLOSED}


def test_both_languages_say_the_same_data() -> None:
    english, czech = (_fields(_PHRASES[language].model_dump()) for language in Language)

    assert english == czech


@given(st.timedeltas(-DAY, 9 * DAY), st.booleans(), st.none() | st.integers(0, 80_000))
def test_each_figure_of_the_data_is_in_the_sentences(
    elapsed: timedelta, fulfilled: Any, asked: int | None
) -> None:
    requested = None if asked is None else eur(asked)
    facts = line(**YEAR, fulfilled=fulfilled)
    found = quote(facts, SUBSCRIPTION, PLACED + elapsed, requested)
    ahead = outlook(found, SUBSCRIPTION, requested)

    story = explain_all(found, ahead)

    assert story.startswith(explain(found))
    assert explain(found) == explain_quote(found, Language.ENGLISH)
    figures = [str(step.credit) for step in ahead.steps]
    figures += [str(step.ends_at.replace(tzinfo=None)) for step in ahead.steps]
    if ahead.counterfactual is not None:
        figures += [str(ahead.counterfactual.credit)]
        figures += [str(ahead.counterfactual.accepted_until.replace(tzinfo=None))]
    assert [figure for figure in figures if figure not in story] == []
    czech = explain_all(found, ahead, Language.CZECH)
    assert czech.count("EUR") == story.count("EUR")
    assert czech.count("UTC") == story.count("UTC")


def test_an_instant_before_the_edge_is_told_as_it_is() -> None:
    assert "2026-01-06 09:29:59.999999 UTC" in told("en", DAY - INSTANT)
    assert "6. 1. 2026 09:29:59,999999 UTC" in told("cs", DAY - INSTANT)


@pytest.mark.parametrize(
    ("elapsed", "requested", "sentence"),
    [
        (
            DAY,
            None,
            "A cancellation received at 2026-01-06 09:30:00 UTC earns the full credit of 100.80 EUR;"
            " the window closes at 2026-03-06 09:30:00 UTC.",
        ),
        (
            60 * DAY + INSTANT,
            None,
            "A cancellation received at 2026-03-06 09:30:00.000001 UTC comes too late;"
            " the window closed at 2026-03-06 09:30:00 UTC.",
        ),
        (
            60 * DAY,
            eur(20000),
            "A cancellation received at 2026-03-06 09:30:00 UTC is refused because the amount asked"
            " for is not within 100.80 EUR; the window closes at 2026-03-06 09:30:00 UTC.",
        ),
    ],
)
def test_explain_says_the_verdict_and_the_instants(
    elapsed: timedelta, requested: Money | None, sentence: str
) -> None:
    assert explain(quote(line(), policy(), PLACED + elapsed, requested)) == sentence


def test_explain_calls_a_partial_credit_prorated() -> None:
    terms = policy("policies-2022-07", Family.SUBSCRIPTION)

    assert "earns a prorated credit of 728.00 EUR;" in explain(
        quote(line(**YEAR), terms, PLACED + 2 * DAY)
    )


def _fields(pattern: Any) -> Any:
    """The names in braces of every pattern, in the shape of the phrases."""
    if isinstance(pattern, dict):
        return {name: _fields(inner) for name, inner in pattern.items()}
    return sorted(name for _, name, _, _ in Formatter().parse(pattern) if name)

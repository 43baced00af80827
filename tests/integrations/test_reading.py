"""Each reader reads the facts in their own language and time zone, and no word lacks a language."""

import re
from typing import Any

import pytest

from integrations.notifier.render import Renderer
from integrations.notifier.words import WORDS
from models.notice import NoticeKind
from models.outbox import Recipient
from models.outlook import Language
from tests.fixtures.notices import CZECH_JANA, FACTS, JANA, LETTERS, READERS, notice

renderer = Renderer("https://keydesk.example/")


@pytest.mark.parametrize(("kind", "reader"), LETTERS)
def test_money_stands_as_its_reader_writes_it(kind: NoticeKind, reader: Recipient) -> None:
    letter = renderer.write(notice(kind), reader)
    english = reader.language is Language.ENGLISH
    total = "1,249.00 EUR" if english else "1\xa0249,00\xa0EUR"
    half = "624.50 EUR" if english else "624,50\xa0EUR"
    for name, amount in {"total": total, "requested": half, "credited": half}.items():
        if name in FACTS[kind]:
            assert amount in letter.text
            assert amount in letter.html


def test_what_an_older_release_queued_is_still_sent_as_it_wrote_it() -> None:
    older = notice(
        NoticeKind.CANCELLATION_INELIGIBLE,
        requested="624.50 EUR",
        reason_text="The window closed.",
        product="Office (4 of 10 units)",
    )
    for reader in READERS:
        letter = renderer.write(older, reader)
        assert "624.50 EUR" in letter.text
        assert "The window closed." in letter.text
        assert "Office (4 of 10 units)" in letter.subject


def test_a_part_of_a_line_is_named_as_such() -> None:
    some = notice(NoticeKind.CANCELLATION_RECEIVED, product="Office", units=4, units_of=10)
    assert "Office (4 of 10 units)" in renderer.write(some, JANA).subject
    assert "Office (4 z 10 kusů)" in renderer.write(some, CZECH_JANA).subject


@pytest.mark.parametrize(
    ("language", "time_zone", "told"),
    [
        (Language.ENGLISH, None, "Friday 22 January 2027, 23:59:59 UTC"),
        (
            Language.ENGLISH,
            "Europe/Prague",
            "Saturday 23 January 2027, 00:59:59 CET (Friday 22 January 2027, 23:59:59 UTC)",
        ),
        (
            Language.ENGLISH,
            "America/New_York",
            "Friday 22 January 2027, 18:59:59 EST (23:59:59 UTC)",
        ),
        (
            Language.ENGLISH,
            "Asia/Dubai",
            "Saturday 23 January 2027, 03:59:59 UTC+04 (Friday 22 January 2027, 23:59:59 UTC)",
        ),
        (Language.CZECH, None, "pátek 22. ledna 2027, 23:59:59 UTC"),
        (
            Language.CZECH,
            "Europe/Prague",
            "sobota 23. ledna 2027, 0:59:59 CET (pátek 22. ledna 2027, 23:59:59 UTC)",
        ),
    ],
)
def test_an_instant_is_exact_in_the_readers_zone_and_in_utc(
    language: Language, time_zone: str | None, told: str
) -> None:
    late = notice(NoticeKind.WINDOW_CLOSING, window_closes_at="2027-01-23T00:59:59+01:00")
    reader = JANA.model_copy(update={"language": language, "time_zone": time_zone})
    assert told in " ".join(renderer.write(late, reader).text.split())


def test_no_word_lacks_a_language() -> None:
    english, czech = (WORDS[language].model_dump() for language in Language)
    assert set(WORDS) == set(Language)
    for name, text in english.items():
        assert shape_of(text) == shape_of(czech[name]), name
        assert name == "clock" or text != czech[name], name


def shape_of(words: Any) -> Any:
    """What must be alike between languages: the entries of a list, the names in braces."""
    if isinstance(words, dict):
        return {name: shape_of(value) for name, value in words.items()}
    return set(re.findall(r"{\w+}", words)) - {"{name}"}

"""Every kind of notice becomes a letter that says what happened, what it means and what to do."""

import re
from html import unescape
from typing import Any

import pytest
from jinja2 import Environment, UndefinedError
from jinja2.meta import find_undeclared_variables
from pydantic import ValidationError

from integrations.notifier.render import TEMPLATES, Renderer
from integrations.notifier.words import WORDS
from models.notice import NoticeKind
from models.outbox import Recipient
from models.outlook import Language
from tests.fixtures.notices import CZECH_JANA, FACTS, JANA, LETTERS, notice

KEY_LIKE = "A1B2C-D3E4F-G5H6J-K7L8M-N9P0Q"
LETTERS_OF_CASES = [
    letter for letter in LETTERS if letter.values[0] is not NoticeKind.ENDPOINT_DISABLED
]
WITH_TICKET = [kind for kind in NoticeKind if FACTS[kind].get("ticket_id")]
renderer = Renderer("https://keydesk.example/")


BLOCKS = {"subject", "happened", "means", "next"}


def template(language: Language, kind: NoticeKind) -> str:
    return (TEMPLATES / language / f"{kind}.j2").read_text(encoding="utf-8")


def facts_of(source: str) -> set[str]:
    """The facts that a template names."""
    environment = Environment(autoescape=True)
    environment.filters |= dict.fromkeys(("instant", "sentence", "strong"), str)
    return find_undeclared_variables(environment.parse(source))


@pytest.mark.parametrize("language", Language)
def test_every_kind_has_its_template_in_each_language_and_none_is_left_over(
    language: Language,
) -> None:
    assert {path.stem for path in (TEMPLATES / language).iterdir()} == set(NoticeKind)
    assert {path.name for path in TEMPLATES.iterdir() if path.is_dir()} == set(Language)


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_kind_says_the_same_in_each_language(kind: NoticeKind) -> None:
    """The same parts, naming the same facts; and no language was left as a copy of another."""
    sources = [template(language, kind) for language in Language]
    assert all(set(re.findall(r"block (\w+)", source)) == BLOCKS for source in sources)
    assert len({frozenset(facts_of(source)) for source in sources}) == 1
    spoken = [set(re.split(r"{[{%].*?[%}]}", source)) for source in sources]
    assert [text for text in set.intersection(*spoken) if re.search(r"\w", text)] == []


@pytest.mark.parametrize(("kind", "reader"), LETTERS_OF_CASES)
def test_a_letter_names_the_case_in_every_part(kind: NoticeKind, reader: Recipient) -> None:
    letter = renderer.write(notice(kind), reader)
    words = WORDS[reader.language]
    number = str(FACTS[kind].get("ticket_number") or FACTS[kind]["order_number"])
    assert re.search(r"\d{4,}", letter.subject)
    for body in (letter.text, letter.html):
        assert "Jana Nováková" in body
        assert "Pekařství U Tří zvonků a.s." in body
        assert number in body
        assert "None" not in body
        assert "{" not in body.partition("</style>")[2]
    for heading in (words.means, words.to_do):
        assert heading.upper() in letter.text
        assert heading in letter.html


@pytest.mark.parametrize(("kind", "reader"), LETTERS)
def test_the_html_says_what_the_text_says(kind: NoticeKind, reader: Recipient) -> None:
    letter = renderer.write(notice(kind), reader)
    shown = unescape(re.sub(r"<[^>]+>", " ", letter.html.partition("<body")[2]))
    told = set(re.findall(r"\w+", letter.text.casefold())) - {"http", "https"}
    link = set(
        re.findall(
            r"\w+", "https://keydesk.example/api/v1/tickets/tkt_1 orders ord_1 endpoints ept_1"
        )
    )
    assert told - link <= set(re.findall(r"\w+", shown.casefold()))


@pytest.mark.parametrize(("kind", "reader"), LETTERS_OF_CASES)
def test_the_link_leads_to_the_ticket_where_there_is_one(
    kind: NoticeKind, reader: Recipient
) -> None:
    letter = renderer.write(notice(kind), reader)
    resource = "tickets/tkt_1" if kind in WITH_TICKET else "orders/ord_1"
    link = f"https://keydesk.example/api/v1/{resource}"
    assert link in letter.text.splitlines()
    assert f'href="{link}"' in letter.html


@pytest.mark.parametrize(("kind", "reader"), LETTERS)
def test_text_lines_fit_a_window(kind: NoticeKind, reader: Recipient) -> None:
    lines = renderer.write(notice(kind), reader).text.splitlines()
    assert max(len(line) for line in lines) <= 78


def test_an_endpoint_is_named_by_its_host_and_linked() -> None:
    gone = renderer.write(notice(NoticeKind.ENDPOINT_DISABLED, reason="gone"), JANA)
    failing = renderer.write(notice(NoticeKind.ENDPOINT_DISABLED), JANA)
    assert failing.subject == "Events are no longer delivered to hooks.vltava-cloud.example"
    assert "(410)" in gone.text
    assert "for three days" in " ".join(failing.text.split())
    assert "https://keydesk.example/api/v1/endpoints/ept_1" in failing.text.splitlines()


def test_a_note_is_announced_only_when_there_is_one() -> None:
    with_note = renderer.write(notice(NoticeKind.CANCELLATION_DECLINED, note_given=True), JANA)
    without = renderer.write(notice(NoticeKind.CANCELLATION_DECLINED, note_given=False), JANA)
    assert "left a note" in with_note.text
    assert "left no note" in without.text


def test_a_decline_tells_its_reason_in_the_language_of_the_reader() -> None:
    czech = renderer.write(notice(NoticeKind.CANCELLATION_DECLINED), CZECH_JANA)
    assert "Uvedený důvod: Software se používá." in " ".join(czech.text.split())
    older = notice(NoticeKind.CANCELLATION_DECLINED)
    facts = {name: fact for name, fact in older.facts.items() if name != "reason"}
    letter = renderer.write(older.model_copy(update={"facts": facts}), JANA)
    assert "reason" not in letter.text


def test_what_stays_is_told_when_only_some_units_went() -> None:
    part = renderer.write(notice(NoticeKind.CANCELLATION_COMPLETED, units_left=6), JANA)
    whole = renderer.write(notice(NoticeKind.CANCELLATION_COMPLETED), JANA)
    assert "the other 6 keep working" in " ".join(part.text.split())
    assert "<strong>6</strong> keep working" in " ".join(part.html.split())
    assert "keep working" not in whole.text


def test_attention_without_a_ticket_names_the_order() -> None:
    letter = renderer.write(
        notice(NoticeKind.NEEDS_ATTENTION, ticket_number=None, ticket_id=None), JANA
    )
    assert letter.subject == "Order 100001 needs attention"
    assert "icket" not in letter.text


@pytest.mark.parametrize(("kind", "reader"), LETTERS)
def test_unknown_facts_do_no_harm(kind: NoticeKind, reader: Recipient) -> None:
    plain = renderer.write(notice(kind), reader)
    assert renderer.write(notice(kind, favourite_colour="blue", list=[1]), reader) == plain


def test_a_missing_fact_is_an_error_not_a_gap() -> None:
    incomplete = notice(NoticeKind.ORDER_FULFILLED)
    facts = {name: value for name, value in incomplete.facts.items() if name != "total"}
    with pytest.raises(UndefinedError, match="total"):
        renderer.write(incomplete.model_copy(update={"facts": facts}), JANA)


@pytest.mark.parametrize(
    "hostile",
    ["{{ 7 * 7 }}", "{% for x in range(9) %}", "{0.__class__}", "${7*7}", "%(order_number)s"],
)
@pytest.mark.parametrize(("kind", "reader"), LETTERS)
def test_facts_are_never_templates(kind: NoticeKind, reader: Recipient, hostile: str) -> None:
    letter = renderer.write(notice(kind, customer_name=hostile), reader)
    assert hostile in " ".join(letter.text.split())
    assert "49" not in letter.subject


@pytest.mark.parametrize(("kind", "reader"), LETTERS)
def test_markup_in_facts_is_text_in_html(kind: NoticeKind, reader: Recipient) -> None:
    hostile = '<script>alert(1)</script><img src=x onerror="x">'
    letter = renderer.write(
        notice(kind, customer_name=hostile), reader.model_copy(update={"name": hostile})
    )
    assert "<script" not in letter.html
    assert "<img" not in letter.html
    assert "&lt;script&gt;" in letter.html


@pytest.mark.parametrize(("kind", "reader"), LETTERS)
def test_line_breaks_and_odd_characters_in_facts_stay_within_their_line(
    kind: NoticeKind, reader: Recipient
) -> None:
    hostile = "Acme\r\nBcc: victim\u202e\x07\u2028Ltd\x00"
    letter = renderer.write(
        notice(kind, customer_name=hostile), reader.model_copy(update={"name": hostile})
    )
    assert letter.to_name == "Acme Bcc: victim Ltd"
    for text in (letter.subject, letter.text, letter.html):
        assert not set("\r\x07\x00\u202e\u2028") & set(text)
        assert "Acme Bcc: victim Ltd" in " ".join(text.split()) or text == letter.subject
    assert "\n" not in letter.subject


def test_a_subject_never_grows_past_a_header_line() -> None:
    letter = renderer.write(notice(NoticeKind.APPROVAL_NEEDED, customer_name="x" * 400), JANA)
    assert len(letter.subject) == 200
    assert letter.subject.endswith("…")


@pytest.mark.parametrize(
    "secret",
    [
        KEY_LIKE,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJl",
        "contact@customer.example",
    ],
)
@pytest.mark.parametrize(("kind", "reader"), LETTERS)
def test_secrets_that_strayed_into_facts_do_not_leave_the_house(
    kind: NoticeKind, reader: Recipient, secret: str
) -> None:
    stray: dict[str, Any] = dict.fromkeys(
        ("customer_name", "problem", "reason_text"), f"before {secret} after"
    )
    letter = renderer.write(notice(kind, **stray), reader)
    for text in (letter.subject, letter.text, letter.html):
        assert secret not in text
    assert "[removed]" in letter.text


@pytest.mark.parametrize(
    "email",
    ["", "no-at-sign", "a@b", "a@b.example\r\nBcc: c@d.example", "<a@b.example>", "a@b.c, d@e.f"],
)
def test_an_address_that_is_none_is_refused_without_being_repeated(email: str) -> None:
    with pytest.raises(ValidationError) as refused:
        renderer.write(notice(NoticeKind.ORDER_FINAL), Recipient(name="Jana", email=email))
    assert not email or email not in str(refused.value)

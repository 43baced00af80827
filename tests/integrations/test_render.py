"""Every kind of notice becomes a letter that says what happened, what it means and what to do."""

import re
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError
from pydantic import ValidationError

from integrations.notifier.render import TEMPLATES, Renderer
from models.notice import NoticeKind
from models.outbox import Recipient
from tests.fixtures.notices import FACTS, JANA, notice

KEY_LIKE = "A1B2C-D3E4F-G5H6J-K7L8M-N9P0Q"
ABOUT_NO_CASE = {NoticeKind.ENDPOINT_DISABLED}
WITH_TICKET = [kind for kind in NoticeKind if FACTS[kind].get("ticket_id")]
renderer = Renderer("https://keydesk.example/")


def names(pattern: str) -> set[str]:
    return {path.name.partition(".")[0] for path in Path(TEMPLATES).glob(pattern)}


@pytest.mark.parametrize("part", ["subject", "txt", "html"])
def test_every_kind_has_its_templates_and_no_template_is_left_over(part: str) -> None:
    assert names(f"*.{part}.j2") - {"letter"} == set(NoticeKind)


@pytest.mark.parametrize("kind", sorted(set(NoticeKind) - ABOUT_NO_CASE))
def test_a_letter_names_the_case_in_every_part(kind: NoticeKind) -> None:
    letter = renderer.write(notice(kind), JANA)
    number = str(FACTS[kind].get("ticket_number") or FACTS[kind]["order_number"])
    assert re.search(r"\d{4,}", letter.subject)
    for body in (letter.text, letter.html):
        assert "Jana Nováková" in body
        assert "Pekařství U Tří zvonků a.s." in body
        assert number in body
        assert "None" not in body
        assert "{{" not in body
    for heading in ("WHAT IT MEANS", "WHAT TO DO"):
        assert heading in letter.text
        assert heading.capitalize() in letter.html


@pytest.mark.parametrize("kind", NoticeKind)
def test_money_stands_as_the_facts_give_it(kind: NoticeKind) -> None:
    letter = renderer.write(notice(kind), JANA)
    for name in ("total", "credited"):
        if amount := FACTS[kind].get(name):
            assert amount in letter.text
            assert amount in letter.html


@pytest.mark.parametrize("kind", sorted(set(NoticeKind) - ABOUT_NO_CASE))
def test_the_link_leads_to_the_ticket_where_there_is_one(kind: NoticeKind) -> None:
    letter = renderer.write(notice(kind), JANA)
    resource = "tickets/tkt_1" if kind in WITH_TICKET else "orders/ord_1"
    link = f"https://keydesk.example/api/v1/{resource}"
    assert link in letter.text.splitlines()
    assert f'href="{link}"' in letter.html


@pytest.mark.parametrize("kind", NoticeKind)
def test_text_lines_fit_a_window(kind: NoticeKind) -> None:
    lines = renderer.write(notice(kind), JANA).text.splitlines()
    assert max(len(line) for line in lines) <= 78


def test_an_endpoint_is_named_by_its_host_and_linked() -> None:
    gone = renderer.write(notice(NoticeKind.ENDPOINT_DISABLED, reason="gone"), JANA)
    failing = renderer.write(notice(NoticeKind.ENDPOINT_DISABLED), JANA)
    assert failing.subject == "Events are no longer delivered to hooks.vltava-cloud.example"
    assert "(410)" in gone.text
    assert "for three days" in " ".join(failing.text.split())
    assert "https://keydesk.example/api/v1/endpoints/ept_1" in failing.text.splitlines()


def test_instants_are_exact_and_in_utc_whatever_the_offset_of_the_fact() -> None:
    late = notice(NoticeKind.WINDOW_CLOSING, window_closes_at="2027-01-23T00:59:59+01:00")
    assert "Friday 22 January 2027, 23:59:59 UTC" in " ".join(
        renderer.write(late, JANA).text.split()
    )


def test_a_note_is_announced_only_when_there_is_one() -> None:
    with_note = renderer.write(notice(NoticeKind.CANCELLATION_DECLINED, note_given=True), JANA)
    without = renderer.write(notice(NoticeKind.CANCELLATION_DECLINED, note_given=False), JANA)
    assert "left a note" in with_note.text
    assert "left no note" in without.text


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


@pytest.mark.parametrize("kind", NoticeKind)
def test_unknown_facts_do_no_harm(kind: NoticeKind) -> None:
    plain = renderer.write(notice(kind), JANA)
    assert renderer.write(notice(kind, favourite_colour="blue", list=[1]), JANA) == plain


def test_a_missing_fact_is_an_error_not_a_gap() -> None:
    incomplete = notice(NoticeKind.ORDER_FULFILLED)
    facts = {name: value for name, value in incomplete.facts.items() if name != "total"}
    with pytest.raises(UndefinedError, match="total"):
        renderer.write(incomplete.model_copy(update={"facts": facts}), JANA)


@pytest.mark.parametrize(
    "hostile",
    ["{{ 7 * 7 }}", "{% for x in range(9) %}", "{0.__class__}", "${7*7}", "%(order_number)s"],
)
@pytest.mark.parametrize("kind", NoticeKind)
def test_facts_are_never_templates(kind: NoticeKind, hostile: str) -> None:
    letter = renderer.write(notice(kind, customer_name=hostile), JANA)
    assert hostile in " ".join(letter.text.split())
    assert "49" not in letter.subject


@pytest.mark.parametrize("kind", NoticeKind)
def test_markup_in_facts_is_text_in_html(kind: NoticeKind) -> None:
    hostile = '<script>alert(1)</script><img src=x onerror="x">'
    letter = renderer.write(
        notice(kind, customer_name=hostile), JANA.model_copy(update={"name": hostile})
    )
    assert "<script" not in letter.html
    assert "<img" not in letter.html
    assert "&lt;script&gt;" in letter.html


@pytest.mark.parametrize("kind", NoticeKind)
def test_line_breaks_and_odd_characters_in_facts_stay_within_their_line(kind: NoticeKind) -> None:
    hostile = "Acme\r\nBcc: victim\u202e\x07\u2028Ltd\x00"
    letter = renderer.write(
        notice(kind, customer_name=hostile), JANA.model_copy(update={"name": hostile})
    )
    assert letter.to_name == "Acme Bcc: victim Ltd"
    for text in (letter.subject, letter.text, letter.html):
        assert not set("\r\x07\x00\u202e\u2028") & set(text)
        assert not re.search(r"^Bcc:", text, re.MULTILINE)
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
@pytest.mark.parametrize("kind", NoticeKind)
def test_secrets_that_strayed_into_facts_do_not_leave_the_house(
    kind: NoticeKind, secret: str
) -> None:
    stray: dict[str, Any] = dict.fromkeys(
        ("customer_name", "problem", "reason_text"), f"before {secret} after"
    )
    letter = renderer.write(notice(kind, **stray), JANA)
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

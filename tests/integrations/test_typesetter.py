"""Statements and credit notes as PDF: the same bytes every time, every string on its page, nothing from outside."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from integrations.typesetter.press import typeset
from integrations.typesetter.sheet import sheet_of
from integrations.typesetter.words import WORDS
from models.ledger import EntryKind
from models.money import Money
from models.outlook import Language
from models.policy import OfferedReason
from models.statement import (
    BilledPartner,
    CreditNote,
    NotedCredit,
    PaperRef,
    Statement,
    StatementLine,
)
from tests.fixtures.closing import ISSUER

FEBRUARY, MARCH, APRIL = (datetime(2026, month, 1, tzinfo=UTC) for month in (2, 3, 4))
PARTNER = BilledPartner(id="par_1", name="Příliš žluťoučký kůň a.s.", mpn_id="501", country="CZ")
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
REASON = OfferedReason(code="by_mistake", en="Ordered by mistake", cs="Objednáno omylem")


def eur(minor: int) -> Money:
    return Money(amount_minor=minor, currency="EUR")


def line(number: int = 1, minor: int = 102900, **changes: object) -> StatementLine:
    usual = StatementLine(
        entry_id=f"ent_{number}",
        kind=EntryKind.CHARGE,
        booked_at=datetime(2026, 3, 7, 23, 59, tzinfo=UTC),
        late=False,
        order_id=f"ord_{number}",
        order_number=100_000 + number,
        customer_id="cus_1",
        customer_name="Řeznictví Škvařil",
        sku="DG7GMGF0D5RK:0004",
        product="Office LTSC Professional Plus",
        quantity=1,
        unit_price=eur(102900),
        amount=eur(minor),
    )
    return usual.model_copy(update=changes)


CREDITED = line(
    2,
    -102900,
    kind=EntryKind.CREDIT,
    credit_number=500007,
    ticket_number=300009,
    reason=REASON,
)


def statement(*lines: StatementLine, due: int = 0) -> Statement:
    return Statement(
        id="sta_2",
        number="ST-2026-000002",
        issuer=ISSUER,
        partner=PARTNER,
        currency="EUR",
        opens_at=MARCH,
        closes_at=APRIL,
        issued_at=APRIL,
        lines=lines,
        total=eur(due + 5000),
        credit_notes=(
            NotedCredit(
                id="crn_1",
                number="CN-2026-000001",
                original_number="ST-2026-000001",
                total=eur(5000),
            ),
        ),
        credited=eur(5000),
        due=eur(due),
    )


def credit_note() -> CreditNote:
    own, original = (
        PaperRef(
            id=f"sta_{n}",
            number=f"ST-2026-00000{n}",
            opens_at=opens,
            closes_at=closes,
            issued_at=closes,
        )
        for n, opens, closes in ((2, MARCH, APRIL), (1, FEBRUARY, MARCH))
    )
    taken_back = CREDITED.model_copy(update={"amount": eur(102900)})
    return CreditNote(
        id="crn_1",
        number="CN-2026-000001",
        issuer=ISSUER,
        partner=PARTNER,
        currency="EUR",
        issued_at=APRIL,
        original=original,
        statement=own,
        lines=(taken_back,),
        total=eur(102900),
    )


def pages(paper: Statement | CreditNote, language: Language) -> list[str]:
    """The text of each page, with every kind of blank as one space."""
    reader = PdfReader(BytesIO(typeset(paper, language)))
    return [" ".join(page.extract_text().split()) for page in reader.pages]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("paper", [statement(line(), CREDITED), credit_note()], ids=["st", "cn"])
def test_the_same_paper_gives_the_same_bytes(
    paper: Statement | CreditNote, language: Language
) -> None:
    once = typeset(paper, language)

    assert once == typeset(paper, language)
    information = PdfReader(BytesIO(once)).metadata
    assert information is not None
    assert information.creation_date == APRIL
    assert information.title == f"{sheet_of(paper, language).title} {paper.number}"


def test_a_credit_note_says_in_czech_what_an_accountant_asks() -> None:
    (text,) = pages(credit_note(), Language.CZECH)

    for told in (
        "Dobropis CN-2026-000001",
        "Keydesk s.r.o.",
        "IČO 01234567, DIČ CZ01234567",
        "Příliš žluťoučký kůň a.s.",
        "ST-2026-000001 ze dne 1. 3. 2026",
        "1. 2. 2026 – 28. 2. 2026",
        "7. 3. 2026",
        "100002",
        "Řeznictví Škvařil",
        "Objednáno omylem",
        "kredit 500007",
        "požadavek 300009",
        "1 029,00 EUR",
        "Strana 1 z 1",
    ):
        assert told in text


def test_a_statement_says_in_english_what_is_due() -> None:
    (text,) = pages(statement(line(), CREDITED, due=-5000), Language.ENGLISH)

    for told in (
        "Statement ST-2026-000002",
        "2026-03-01 – 2026-03-31",
        "Cancelled · Ordered by mistake",
        "Credit note CN-2026-000001 to statement ST-2026-000001",
        "In the partner's favour",
        "−50.00 EUR",
        "Page 1 of 1",
    ):
        assert told.replace("'", "") in text.replace("’", "").replace("'", "")


def test_many_lines_run_over_pages_with_their_heading_and_number() -> None:
    told = pages(statement(*(line(n) for n in range(1, 120))), Language.ENGLISH)

    assert len(told) > 2
    for number, text in enumerate(told, start=1):
        assert f"Page {number} of {len(told)}" in text
        assert "Unit price" in text
    assert "Amount due" in told[-1]
    for number in range(1, 120):
        assert sum(str(100_000 + number) in text for text in told) == 1


def test_names_without_blanks_break_within_their_column() -> None:
    sheet = sheet_of(statement(line(customer_name=LONG)), Language.ENGLISH)
    (text,) = pages(statement(line(customer_name=LONG)), Language.ENGLISH)

    assert "\N{ZERO WIDTH SPACE}" in sheet.rows[0].cells[2]
    assert LONG in text.replace("\N{ZERO WIDTH SPACE}", "").replace(" ", "")


def test_a_part_of_a_month_shows_its_instants() -> None:
    part = statement(line()).model_copy(
        update={"closes_at": APRIL.replace(month=3, day=20, hour=9)}
    )

    assert "2026-03-01 00:00:00 – 2026-03-20 09:00:00" in pages(part, Language.ENGLISH)[0]


def test_an_empty_statement_and_a_late_line_say_so() -> None:
    (empty,) = pages(statement(), Language.CZECH)
    (late,) = pages(statement(line(late=True)), Language.CZECH)

    assert WORDS[Language.CZECH].nothing in empty
    assert WORDS[Language.CZECH].late in late


@pytest.mark.parametrize("name", ["#panic()", '"; #import "x"', "$x^2$ @cite <label> *bold*", "\\"])
def test_names_are_text_and_never_code(name: str) -> None:
    (text,) = pages(statement(line(customer_name=name)), Language.ENGLISH)

    assert "".join(name.split()) in "".join(text.split())


def test_the_template_imports_nothing() -> None:
    template = Path("integrations/typesetter/paper.typ").read_text(encoding="utf-8")

    assert "import" not in template
    assert "include" not in template
    assert "@" not in template

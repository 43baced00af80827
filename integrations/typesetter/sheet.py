"""From a statement or credit note to a sheet: every string as it stands on the page, nothing left to decide."""

from datetime import UTC, date, datetime, timedelta

from integrations.typesetter.words import WORDS, Words
from models.base import Value
from models.money import Money, zero
from models.outlook import Language
from models.statement import BilledPartner, CreditNote, Issuer, Statement, StatementLine
from rules.money import money_text
from rules.statement import month_after

_LONGEST_WORD = 16
_BREAK = "\N{ZERO WIDTH SPACE}"
_MINUS = str.maketrans("-", "\N{MINUS SIGN}")
_INSTANT = timedelta(microseconds=1)


class Party(Value):
    """A name and what stands below it."""

    label: str
    name: str
    lines: tuple[str, ...]


class Row(Value):
    """One line of the table; `details` stand small below the product."""

    cells: tuple[str, str, str, str, str, str, str]
    details: str


class Sum(Value):
    """One line below the table."""

    label: str
    amount: str
    strong: bool = False


class Sheet(Value):
    """One paper in one language."""

    language: Language
    title: str
    number: str
    issued_on: date
    parties: tuple[Party, Party]
    facts: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    empty: str
    sums: tuple[Sum, ...]
    remarks: tuple[str, ...]
    page: str


def sheet_of(paper: Statement | CreditNote, language: Language) -> Sheet:
    """The paper in a language."""
    words = WORDS[language]
    is_statement = isinstance(paper, Statement)
    return Sheet(
        language=language,
        title=words.statement if is_statement else words.credit_note,
        number=paper.number,
        issued_on=paper.issued_at.astimezone(UTC).date(),
        parties=(_issuer(paper.issuer, words), _partner(paper.partner, words)),
        facts=_statement_facts(paper, language)
        if isinstance(paper, Statement)
        else _note_facts(paper, language),
        columns=words.columns,
        rows=tuple(_row(line, language) for line in paper.lines),
        empty=words.nothing,
        sums=_statement_sums(paper, language)
        if isinstance(paper, Statement)
        else (_sum(words.note_total, paper.total, language, strong=True),),
        remarks=_remarks(paper, words),
        page=words.page,
    )


def _issuer(issuer: Issuer, words: Words) -> Party:
    known = tuple(line for line in (issuer.address, issuer.registration) if line)
    return Party(label=words.issuer, name=_breakable(issuer.name), lines=known)


def _partner(partner: BilledPartner, words: Words) -> Party:
    lines = (words.partner_number.format(mpn_id=partner.mpn_id), partner.country)
    return Party(label=words.partner, name=_breakable(partner.name), lines=lines)


def _statement_facts(paper: Statement, language: Language) -> tuple[tuple[str, str], ...]:
    words = WORDS[language]
    return (
        (words.number, paper.number),
        (words.period, _period(paper.opens_at, paper.closes_at, language)),
        (words.issued, _day(paper.issued_at, language)),
        (words.currency, paper.currency),
    )


def _note_facts(paper: CreditNote, language: Language) -> tuple[tuple[str, str], ...]:
    words, original = WORDS[language], paper.original
    issued = _day(original.issued_at, language)
    return (
        (words.number, paper.number),
        (words.issued, _day(paper.issued_at, language)),
        (words.original, words.original_of.format(number=original.number, issued=issued)),
        (words.period, _period(original.opens_at, original.closes_at, language)),
        (words.with_statement, paper.statement.number),
        (words.currency, paper.currency),
    )


def _row(line: StatementLine, language: Language) -> Row:
    return Row(
        cells=(
            _day(line.booked_at, language),
            str(line.order_number),
            _breakable(line.customer_name),
            _breakable(line.product),
            str(line.quantity),
            _figure(line.unit_price, language),
            _figure(line.amount, language),
        ),
        details=_details(line, language),
    )


def _details(line: StatementLine, language: Language) -> str:
    """Why it is there, and by which numbers it is found; never what somebody wrote."""
    words = WORDS[language]
    told = [words.kinds[line.kind]]
    if line.reason is not None:
        told.append(line.reason.cs if language is Language.CZECH else line.reason.en)
    if line.credit_number is not None:
        told.append(words.credit.format(number=line.credit_number))
    if line.ticket_number is not None:
        told.append(words.ticket.format(number=line.ticket_number))
    if line.late:
        told.append(words.late)
    return " · ".join(part for part in told if part)


def _statement_sums(paper: Statement, language: Language) -> tuple[Sum, ...]:
    words = WORDS[language]
    credited = [
        _sum(
            words.credited.format(number=note.number, original=note.original_number),
            note.total * -1,
            language,
        )
        for note in paper.credit_notes
    ]
    label = words.due if zero(paper.currency) <= paper.due else words.in_favour
    return (
        _sum(words.total, paper.total, language),
        *credited,
        _sum(label, paper.due, language, strong=True),
    )


def _sum(label: str, money: Money, language: Language, *, strong: bool = False) -> Sum:
    amount = money_text(money, language).translate(_MINUS)
    return Sum(label=label, amount=amount, strong=strong)


def _remarks(paper: Statement | CreditNote, words: Words) -> tuple[str, ...]:
    about = words.not_people.format(currency=paper.currency)
    if isinstance(paper, Statement):
        return (about,)
    names = {"number": paper.original.number, "statement": paper.statement.number}
    return (words.note_says.format(**names), about)


def _figure(money: Money, language: Language) -> str:
    """Without the currency, which stands at the top; with a true minus sign, as wide as a plus."""
    return money_text(money, language)[: -len(money.currency) - 1].translate(_MINUS)


def _period(opens_at: datetime, closes_at: datetime, language: Language) -> str:
    """Days, both included, of a whole month; exact instants of a part of one."""
    opens_at, closes_at = opens_at.astimezone(UTC), closes_at.astimezone(UTC)
    if opens_at.day == 1 and month_after(opens_at) == closes_at:
        return f"{_day(opens_at, language)} – {_day(closes_at - _INSTANT, language)}"
    return f"{_moment(opens_at, language)} – {_moment(closes_at, language)}"


def _moment(moment: datetime, language: Language) -> str:
    return f"{_day(moment, language)} {moment:%H:%M:%S}"


def _day(moment: datetime, language: Language) -> str:
    moment = moment.astimezone(UTC)
    if language is Language.ENGLISH:
        return f"{moment:%Y-%m-%d}"
    return f"{moment.day}.\N{NO-BREAK SPACE}{moment.month}.\N{NO-BREAK SPACE}{moment.year}"


def _breakable(text: str) -> str:
    """A word wider than its column may break anywhere, so that it does not run into the next one."""
    return " ".join(
        _BREAK.join(word) if len(word) > _LONGEST_WORD else word for word in text.split(" ")
    )

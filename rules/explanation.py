"""Explanations: a verdict and what lies ahead of it in sentences, English or Czech, made of the data alone."""

from models.base import Value
from models.cancellation import IneligibilityReason, Quote
from models.outlook import (
    Counterfactual,
    CreditStep,
    ExplainedQuote,
    Language,
    Outlook,
    QuoteRecord,
)
from models.policy import RefundType
from rules.instant import instant_text
from rules.money import money_text


class Phrases(Value):
    """The patterns of one language; everything in braces comes from the data."""

    verdict: str
    closes: str
    closed: str
    granted: dict[RefundType, str]
    part: str
    refused: dict[IneligibilityReason, str]
    steady_now: str
    falling_now: str
    steady_later: str
    falling_later: str
    accepted: str
    would_have: str
    would: str
    conditions: dict[IneligibilityReason, str]
    condition_opens: str
    condition_joins: str


_ENGLISH = Phrases(
    verdict="A cancellation received at {received} {verdict}; the window {closes} at {deadline}.",
    closes="closes",
    closed="closed",
    granted={
        RefundType.FULL: "earns the full credit of {credit}",
        RefundType.PARTIAL: "earns a prorated credit of {credit}",
    },
    part=" for {taken} of {quantity} units",
    refused={
        IneligibilityReason.WINDOW_CLOSED: "comes too late",
        IneligibilityReason.NOT_FULFILLED: "is refused because the order is not fulfilled",
        IneligibilityReason.ALREADY_CANCELLED: "is refused because the line is cancelled already",
        IneligibilityReason.CANCELLATION_OPEN: (
            "is refused because another cancellation of the line is open"
        ),
        IneligibilityReason.KEY_REVEALED: (
            "is refused because a product key of the line was revealed"
        ),
        IneligibilityReason.DOWNLOAD_STARTED: (
            "is refused because a download of the software was started"
        ),
        IneligibilityReason.NOT_DIVISIBLE: (
            "is refused because the line goes only as a whole, not {taken} of {remaining} units"
        ),
        IneligibilityReason.QUANTITY_TOO_HIGH: (
            "is refused because {taken} units are asked for and {remaining} of {quantity} are left"
        ),
        IneligibilityReason.AMOUNT_TOO_HIGH: (
            "is refused because the amount asked for is not within {credit}"
        ),
    },
    steady_now="Until {ends} the credit stays at {credit}.",
    falling_now="Until {ends} the credit falls from {credit} to {credit_at_end}.",
    steady_later="From {begins} until {ends} the credit is {credit}.",
    falling_later="From {begins} until {ends} the credit falls from {credit} to {credit_at_end}.",
    accepted="It {would} accepted until {until}{conditions}, for a credit of {credit}.",
    would_have="would have been",
    would="would be",
    condition_opens=", with ",
    condition_joins=" and ",
    conditions={
        IneligibilityReason.NOT_FULFILLED: "the order fulfilled",
        IneligibilityReason.ALREADY_CANCELLED: "the line not cancelled before",
        IneligibilityReason.CANCELLATION_OPEN: "no other cancellation of the line open",
        IneligibilityReason.KEY_REVEALED: "no product key of the line revealed",
        IneligibilityReason.DOWNLOAD_STARTED: "no download of the software started",
        IneligibilityReason.NOT_DIVISIBLE: "all units asked for that are left",
        IneligibilityReason.QUANTITY_TOO_HIGH: "no more units asked for than are left",
        IneligibilityReason.AMOUNT_TOO_HIGH: "an amount asked for within {credit}",
    },
)

_CZECH = Phrases(
    verdict="Storno přijaté {received} {verdict}; lhůta {closes} {deadline}.",
    closes="končí",
    closed="skončila",
    granted={
        RefundType.FULL: "přinese plný dobropis {credit}",
        RefundType.PARTIAL: "přinese poměrný dobropis {credit}",
    },
    part=" za {taken} z {quantity} kusů",
    refused={
        IneligibilityReason.WINDOW_CLOSED: "přichází pozdě",
        IneligibilityReason.NOT_FULFILLED: "se zamítá, protože objednávka není vyřízena",
        IneligibilityReason.ALREADY_CANCELLED: "se zamítá, protože položka už je stornována",
        IneligibilityReason.CANCELLATION_OPEN: (
            "se zamítá, protože už probíhá jiné storno této položky"
        ),
        IneligibilityReason.KEY_REVEALED: (
            "se zamítá, protože produktový klíč položky už byl zobrazen"
        ),
        IneligibilityReason.DOWNLOAD_STARTED: (
            "se zamítá, protože stahování softwaru už bylo zahájeno"
        ),
        IneligibilityReason.NOT_DIVISIBLE: (
            "se zamítá, protože položku lze stornovat jen celou, ne {taken} z {remaining} kusů"
        ),
        IneligibilityReason.QUANTITY_TOO_HIGH: (
            "se zamítá, protože požadovaný počet kusů je {taken} a zbývá {remaining} z {quantity}"
        ),
        IneligibilityReason.AMOUNT_TOO_HIGH: (
            "se zamítá, protože požadovaná částka není v mezích do {credit}"
        ),
    },
    steady_now="Do {ends} zůstává dobropis {credit}.",
    falling_now="Do {ends} klesá dobropis z {credit} na {credit_at_end}.",
    steady_later="Od {begins} do {ends} činí dobropis {credit}.",
    falling_later="Od {begins} do {ends} klesá dobropis z {credit} na {credit_at_end}.",
    accepted="{would} přijato do {until}{conditions}, s dobropisem {credit}.",
    would_have="Bylo by bývalo",
    would="Bylo by",
    condition_opens=", kdyby ",
    condition_joins=" a kdyby ",
    conditions={
        IneligibilityReason.NOT_FULFILLED: "objednávka byla vyřízena",
        IneligibilityReason.ALREADY_CANCELLED: "položka nebyla už stornována",
        IneligibilityReason.CANCELLATION_OPEN: "neprobíhalo jiné storno této položky",
        IneligibilityReason.KEY_REVEALED: "nebyl zobrazen žádný produktový klíč položky",
        IneligibilityReason.DOWNLOAD_STARTED: "nebylo zahájeno žádné stahování softwaru",
        IneligibilityReason.NOT_DIVISIBLE: "se žádalo o všechny zbývající kusy",
        IneligibilityReason.QUANTITY_TOO_HIGH: "se nežádalo o víc kusů, než zbývá",
        IneligibilityReason.AMOUNT_TOO_HIGH: "požadovaná částka byla v mezích do {credit}",
    },
)

_PHRASES = {Language.ENGLISH: _ENGLISH, Language.CZECH: _CZECH}


def explain_quote(quote: Quote, language: Language = Language.ENGLISH) -> str:
    """One sentence for people that says the verdict and the instants that decided it."""
    phrases = _PHRASES[language]
    return phrases.verdict.format(
        received=instant_text(quote.received_at, language),
        verdict=_verdict(quote, phrases).format(
            credit=money_text(quote.credit, language),
            taken=quote.facts.taken,
            remaining=quote.facts.remaining,
            quantity=quote.facts.quantity,
        ),
        closes=phrases.closes if quote.received_at <= quote.deadline else phrases.closed,
        deadline=instant_text(quote.deadline, language),
    )


def explained(record: QuoteRecord, language: Language) -> ExplainedQuote:
    """The record with its sentences in one language."""
    return ExplainedQuote(**dict(record), explanation=explain_all(record, record.outlook, language))


def explain_all(quote: Quote, outlook: Outlook, language: Language = Language.ENGLISH) -> str:
    """The verdict, then what lies ahead or what would have to be different."""
    sentences = [explain_quote(quote, language)]
    sentences += [_step(quote, step, language) for step in outlook.steps]
    if outlook.counterfactual is not None:
        sentences.append(_counterfactual(quote, outlook.counterfactual, language))
    return " ".join(sentences)


def _verdict(quote: Quote, phrases: Phrases) -> str:
    if quote.reason is not None:
        return phrases.refused[quote.reason]
    granted = phrases.granted[quote.refund_type or RefundType.FULL]
    return granted + phrases.part if quote.facts.taken < quote.facts.quantity else granted


def _step(quote: Quote, step: CreditStep, language: Language) -> str:
    phrases = _PHRASES[language]
    now, steady = step.begins_at == quote.received_at, step.credit == step.credit_at_end
    if now:
        pattern = phrases.steady_now if steady else phrases.falling_now
    else:
        pattern = phrases.steady_later if steady else phrases.falling_later
    return pattern.format(
        begins=instant_text(step.begins_at, language),
        ends=instant_text(step.ends_at, language),
        credit=money_text(step.credit, language),
        credit_at_end=money_text(step.credit_at_end, language),
    )


def _counterfactual(quote: Quote, other: Counterfactual, language: Language) -> str:
    phrases = _PHRASES[language]
    credit = money_text(other.credit, language)
    past = other.accepted_until < quote.received_at
    conditions = [phrases.conditions[change].format(credit=credit) for change in other.changes]
    opens = phrases.condition_opens if conditions else ""
    return phrases.accepted.format(
        would=phrases.would_have if past else phrases.would,
        until=instant_text(other.accepted_until, language),
        conditions=opens + phrases.condition_joins.join(conditions),
        credit=credit,
    )

"""What the checks of a brief say, in English and in Czech: patterns, and facts put into them."""

from collections.abc import Callable

from models.base import Value
from models.brief import MoneyFacts, Outcome, TimeFacts, Told, UseFacts
from models.money import Money
from models.outlook import Language
from models.pattern import PatternFacts, Signal
from rules.instant import instant_text, span_text
from rules.money import money_text


class Phrases(Value):
    """The patterns of one language."""

    in_time: str
    late: str
    money: dict[Outcome, str]
    use_refused: str
    used_since: str
    used_before: str
    unused: str
    quiet: str
    signals: dict[Signal, str]


_ENGLISH = Phrases(
    in_time="The request came in at {received}, {spare} before the end of its window at {closes}.",
    late="The request came in at {received}, {spare} after the end of its window at {closes}.",
    money={
        Outcome.PASSED: "{asked} is asked for, within the {bound} that policy and ledger leave.",
        Outcome.FAILED: "{asked} is asked for, above the {bound} that policy and ledger leave.",
        Outcome.TO_LOOK_AT: "{asked} is asked for; the case is not judged by its policy yet.",
    },
    use_refused=(
        "The policy takes nothing back of this kind once it was used: {seen} of {keys} keys were"
        " seen, downloads begun: {downloads}."
    ),
    used_since=(
        "Since the request {seen_since} of {keys} keys were seen, downloads begun:"
        " {downloads_since}; the policy does not mind."
    ),
    used_before=(
        "Before the request {seen} of {keys} keys were seen, downloads begun: {downloads};"
        " nothing since, and the policy does not mind."
    ),
    unused="No key was seen, and no download was begun.",
    quiet=(
        "Nothing stands out; earlier requests of the customer: {customer}, of the whole partner:"
        " {partner}, since {partner_since}."
    ),
    signals={
        Signal.CUSTOMER_OFTEN: (
            "The customer asked {customer} times before, since {customer_since}; a look is due"
            " from {customer_least} on."
        ),
        Signal.CUSTOMER_SEEN: (
            "The customer was credited {seen} times for what had been seen, since"
            " {customer_since}; a look is due from {seen_least} on."
        ),
        Signal.PARTNER_OFTEN: (
            "The partner asked {partner} times before, for {orders} orders since {partner_since};"
            " a look is due from {partner_least} requests and {percent} % on."
        ),
        Signal.REQUESTER_DECIDES: "Whoever asked is an approver as well.",
    },
)

_CZECH = Phrases(
    in_time="Žádost přišla {received}, {spare} před koncem své lhůty {closes}.",
    late="Žádost přišla {received}, {spare} po konci své lhůty {closes}.",
    money={
        Outcome.PASSED: "Žádá se o {asked}, v mezích do {bound}, které dávají podmínky a účetní kniha.",
        Outcome.FAILED: "Žádá se o {asked}, nad meze do {bound}, které dávají podmínky a účetní kniha.",
        Outcome.TO_LOOK_AT: "Žádá se o {asked}; případ ještě nebyl podle podmínek posouzen.",
    },
    use_refused=(
        "Podmínky po použití nic takového zpět neberou: zobrazené klíče {seen} z {keys}, zahájená"
        " stahování: {downloads}."
    ),
    used_since=(
        "Po podání žádosti: zobrazené klíče {seen_since} z {keys}, zahájená stahování:"
        " {downloads_since}; podmínkám to nevadí."
    ),
    used_before=(
        "Před podáním žádosti: zobrazené klíče {seen} z {keys}, zahájená stahování: {downloads};"
        " potom už nic a podmínkám to nevadí."
    ),
    unused="Žádný klíč nebyl zobrazen a žádné stahování nebylo zahájeno.",
    quiet=(
        "Nic nevyčnívá; dřívější žádosti zákazníka: {customer}, celého partnera: {partner}, od"
        " {partner_since}."
    ),
    signals={
        Signal.CUSTOMER_OFTEN: (
            "Počet dřívějších žádostí zákazníka od {customer_since}: {customer}; pozornost od"
            " {customer_least}."
        ),
        Signal.CUSTOMER_SEEN: (
            "Počet dobropisů zákazníka na to, co už bylo zobrazeno, od {customer_since}: {seen};"
            " pozornost od {seen_least}."
        ),
        Signal.PARTNER_OFTEN: (
            "Počet dřívějších žádostí partnera od {partner_since}: {partner}, objednávek: {orders};"
            " pozornost od {partner_least} žádostí a {percent} %."
        ),
        Signal.REQUESTER_DECIDES: "Žadatel je zároveň schvalovatelem.",
    },
)

_PHRASES = {Language.ENGLISH: _ENGLISH, Language.CZECH: _CZECH}


def tell_time(facts: TimeFacts, *, in_time: bool) -> Told:
    """When the request came, and how far that is from the end."""

    def tell(language: Language) -> str:
        phrases = _PHRASES[language]
        return (phrases.in_time if in_time else phrases.late).format(
            received=instant_text(facts.received_at, language),
            spare=span_text(facts.window_closes_at - facts.received_at),
            closes=instant_text(facts.window_closes_at, language),
        )

    return _both(tell)


def tell_money(facts: MoneyFacts, bound: Money | None, outcome: Outcome) -> Told:
    """What is asked for, and the most that could be given."""

    def tell(language: Language) -> str:
        pattern = _PHRASES[language].money[outcome]
        return pattern.format(
            asked=money_text(facts.asked, language),
            bound="" if bound is None else money_text(bound, language),
        )

    return _both(tell)


def tell_use(facts: UseFacts, outcome: Outcome) -> Told:
    """What was seen and fetched, and when."""

    def tell(language: Language) -> str:
        return _use_pattern(_PHRASES[language], facts, outcome).format(
            keys=facts.keys,
            seen=facts.keys_seen,
            seen_since=facts.keys_seen_since,
            downloads=facts.downloads,
            downloads_since=facts.downloads_since,
        )

    return _both(tell)


def _use_pattern(phrases: Phrases, facts: UseFacts, outcome: Outcome) -> str:
    if outcome is Outcome.FAILED:
        return phrases.use_refused
    if outcome is Outcome.TO_LOOK_AT:
        return phrases.used_since
    return phrases.used_before if facts.keys_seen or facts.downloads else phrases.unused


def tell_pattern(facts: PatternFacts) -> Told:
    """Every threshold that was reached, with the number that reached it; or that none was."""
    least = facts.thresholds

    def tell(language: Language) -> str:
        phrases = _PHRASES[language]
        patterns = [phrases.signals[signal] for signal in facts.signals] or [phrases.quiet]
        return " ".join(patterns).format(
            customer_since=instant_text(facts.customer_since, language),
            customer=facts.customer_cases,
            customer_least=least.customer_cases,
            seen=facts.customer_seen,
            seen_least=least.customer_seen,
            partner_since=instant_text(facts.partner_since, language),
            partner=facts.partner_cases,
            orders=facts.partner_orders,
            partner_least=least.partner_cases,
            percent=least.partner_percent,
        )

    return _both(tell)


def _both(tell: Callable[[Language], str]) -> Told:
    return Told(en=tell(Language.ENGLISH), cs=tell(Language.CZECH))

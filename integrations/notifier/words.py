"""The words that all letters share, in both languages; everything in braces comes from the notice."""

from models.base import Value
from models.outlook import Language
from models.ticket import PROBLEM_TYPE_TITLES, ProblemType


class Words(Value):
    """One language: what stands around a letter, and how the facts of a notice read in it."""

    locale: str
    moment: str
    clock: str
    greeting: str
    means: str
    to_do: str
    decide: str
    open_ticket: str
    open_order: str
    open_endpoint: str
    sent: str
    part: str
    level: str
    labels: dict[str, str]
    terms: dict[str, dict[str, str]]


_ENGLISH = Words(
    locale="en_GB",
    moment="EEEE d MMMM y, HH:mm:ss",
    clock="HH:mm:ss",
    greeting="Hello {name},",
    means="What it means",
    to_do="What to do",
    decide="Read the facts and decide",
    open_ticket="Open the ticket",
    open_order="Open the order",
    open_endpoint="Open the endpoint",
    sent="Sent by Keydesk to {name}; replies are not read. Keydesk never sends product keys or "
    "passwords by mail, and never asks for them.",
    part="{product} ({units} of {units_of} units)",
    level="{sku}: {left} left, alert below {below}",
    labels={
        "order_number": "Order",
        "customer_name": "Customer",
        "ticket_number": "Ticket",
        "product": "Product",
        "total": "Total",
        "requested": "Amount asked for",
        "credited": "Credit",
        "credit_number": "Credit number",
        "impact": "Impact",
    },
    terms={
        "about": {kind.value: title for kind, title in PROBLEM_TYPE_TITLES.items()},
        "impact": {"critical": "critical", "moderate": "moderate", "minimal": "minimal"},
        "outcome": {"declined": "declined", "withdrawn": "withdrawn", "expired": "expired"},
        "reason": {
            "no_keys": "no product keys could be had in time",
            "given_up": "an operator gave it up while it waited for product keys",
        },
    },
)
_CZECH = Words(
    locale="cs_CZ",
    moment="EEEE d. MMMM y, H:mm:ss",
    clock="H:mm:ss",
    # Without the name: it would have to be inflected.
    greeting="Dobrý den,",
    means="Co to znamená",
    to_do="Co udělat",
    decide="Přečíst údaje a rozhodnout",
    open_ticket="Otevřít požadavek",
    open_order="Otevřít objednávku",
    open_endpoint="Otevřít cíl událostí",
    sent="Odeslal Keydesk, příjemce: {name}. Odpovědi nikdo nečte. Keydesk nikdy neposílá produktové "
    "klíče ani hesla e-mailem a nikdy o ně nežádá.",
    part="{product} ({units} z {units_of} kusů)",
    level="{sku}: zbývá {left}, upozornění pod {below}",
    labels={
        "order_number": "Objednávka",
        "customer_name": "Zákazník",
        "ticket_number": "Požadavek",
        "product": "Produkt",
        "total": "Celkem",
        "requested": "Požadovaná částka",
        "credited": "Dobropis",
        "credit_number": "Číslo dobropisu",
        "impact": "Dopad",
    },
    terms={
        "about": {
            ProblemType.CSP_PURCHASE_AND_REFUND: "Nákup a vrácení v CSP za zákazníky",
            ProblemType.KEY_STOCK: "Došly produktové klíče",
            ProblemType.PRODUCT_KEYS: "Produktové klíče",
            ProblemType.DOWNLOADS: "Stahování",
            ProblemType.ORDERS: "Objednávky",
            ProblemType.BILLING: "Vyúčtování a fakturace",
            ProblemType.ACCESS: "Přihlášení a přístup",
            ProblemType.OTHER: "Něco jiného",
        },
        "impact": {"critical": "kritický", "moderate": "střední", "minimal": "minimální"},
        "outcome": {
            "declined": "zamítnutím",
            "withdrawn": "stažením žádosti",
            "expired": "vypršením lhůty",
        },
        "reason": {
            "no_keys": "produktové klíče se nepodařilo získat včas",
            "given_up": "správce ji ukončil, zatímco čekala na produktové klíče",
        },
    },
)

WORDS = {Language.ENGLISH: _ENGLISH, Language.CZECH: _CZECH}

"""The words of statements and credit notes in both languages; everything in braces comes from the paper."""

from models.base import Value
from models.ledger import EntryKind
from models.outlook import Language


class Words(Value):
    """One language."""

    statement: str
    credit_note: str
    issuer: str
    partner: str
    partner_number: str
    number: str
    period: str
    issued: str
    currency: str
    with_statement: str
    original: str
    original_of: str
    columns: tuple[str, str, str, str, str, str, str]
    kinds: dict[EntryKind, str]
    late: str
    credit: str
    ticket: str
    nothing: str
    total: str
    credited: str
    due: str
    in_favour: str
    note_total: str
    note_says: str
    not_people: str
    page: str


_ENGLISH = Words(
    statement="Statement",
    credit_note="Credit note",
    issuer="Issuer",
    partner="Partner",
    partner_number="Partner number {mpn_id}",
    number="Number",
    period="Period (UTC)",
    issued="Date of issue",
    currency="Currency",
    with_statement="Issued with statement",
    original="Original statement",
    original_of="{number} of {issued}",
    columns=("Date", "Order", "Customer", "Product", "Quantity", "Unit price", "Amount"),
    kinds={
        EntryKind.CHARGE: "",
        EntryKind.CREDIT: "Cancelled",
        EntryKind.REVERSAL: "Charge reversed: the order was not fulfilled",
    },
    late="Booked after its own period was closed",
    credit="credit {number}",
    ticket="ticket {number}",
    nothing="Nothing was charged in this period.",
    total="Total",
    credited="Credit note {number} to statement {original}",
    due="Amount due",
    in_favour="In the partner's favour",
    note_total="Total credited",
    note_says="This note takes back the amounts above from statement {number}. "
    "They are subtracted on statement {statement}.",
    not_people="Times are UTC. Amounts are in {currency}, without tax.",
    page="Page {page} of {pages}",
)
_CZECH = Words(
    statement="Vyúčtování",
    credit_note="Dobropis",
    issuer="Vystavil",
    partner="Partner",
    partner_number="Číslo partnera {mpn_id}",
    number="Číslo",
    period="Období (UTC)",
    issued="Datum vystavení",
    currency="Měna",
    with_statement="Vystaveno s vyúčtováním",
    original="Původní vyúčtování",
    original_of="{number} ze dne {issued}",
    columns=("Datum", "Objednávka", "Zákazník", "Produkt", "Množství", "Cena za kus", "Částka"),
    kinds={
        EntryKind.CHARGE: "",
        EntryKind.CREDIT: "Stornováno",
        EntryKind.REVERSAL: "Účtování zrušeno: objednávka nebyla vyřízena",
    },
    late="Zaúčtováno po uzavření vlastního období",
    credit="kredit {number}",
    ticket="požadavek {number}",
    nothing="V tomto období nebylo nic účtováno.",
    total="Celkem",
    credited="Dobropis {number} k vyúčtování {original}",
    due="K úhradě",
    in_favour="Ve prospěch partnera",
    note_total="Dobropisováno celkem",
    note_says="Tento dobropis snižuje vyúčtování {number} o uvedené částky. "
    "Jsou odečteny ve vyúčtování {statement}.",
    not_people="Časy jsou v UTC. Částky jsou v měně {currency}, bez daně.",
    page="Strana {page} z {pages}",
)

WORDS = {Language.ENGLISH: _ENGLISH, Language.CZECH: _CZECH}

"""The brief: everything an approver needs on one case, and four automatic checks with their evidence."""

from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import AwareDatetime, Field

from models.base import Value
from models.cancellation import Cancellation, CancellationStatus
from models.money import Money
from models.order import Order, OrderLine
from models.outlook import ExplainedQuote
from models.pattern import PatternFacts
from models.policy import OfferedReason
from models.presence import Viewer
from models.product_key import KeyState
from models.replacement import Replacement
from models.ticket import Ticket
from models.timeline import TimelineEntry

Facts = TypeVar("Facts", bound=Value)


class Outcome(StrEnum):
    """What a check says; `to_look_at` is for a person to weigh, and never a verdict."""

    PASSED = "passed"
    FAILED = "failed"
    TO_LOOK_AT = "to_look_at"


class Told(Value):
    """One sentence in both languages, made of the facts alone."""

    en: str
    cs: str


class Check(Value, Generic[Facts]):
    """One automatic check: what it says, the sentence that explains it, and all that it looked at."""

    outcome: Outcome
    told: Told
    facts: Facts


class TimeFacts(Value):
    """The instant that counts, which is that of the receipt, and the end of the window frozen on the line."""

    received_at: AwareDatetime
    window_closes_at: AwareDatetime


class MoneyFacts(Value):
    """The amount asked for and what bounds it; all but `asked` and `granted` is summed up from the ledger."""

    asked: Money
    granted: Money | None = Field(description="The policy's credit; null until the case is judged.")
    charged: Money = Field(description="The order's charge, less its reversal.")
    credited: Money = Field(description="Earlier credits of the whole order.")
    line_total: Money
    line_credited: Money = Field(description="Earlier credits of this line.")


class UseFacts(Value):
    """What was seen and fetched before the request and since; keys are those of the units that the case takes back."""

    keys: int
    keys_seen: int
    keys_seen_since: int
    downloads: int
    downloads_since: int
    refuses_seen_keys: bool = Field(description="Whether the frozen policy refuses on them.")
    refuses_downloads: bool


class Checks(Value):
    """The four of them."""

    in_time: Check[TimeFacts]
    money: Check[MoneyFacts]
    key_and_downloads: Check[UseFacts]
    pattern: Check[PatternFacts]


class SeenKey(Value):
    """A key of the line that somebody has seen: who first, who last, and how often."""

    key_id: str
    unit_number: int
    masked: str
    state: KeyState
    in_case: bool = Field(description="Whether its unit is one that the case takes back.")
    times: int
    first_seen_at: AwareDatetime
    first_seen_by: str
    last_seen_at: AwareDatetime
    last_seen_by: str


class KeysSeen(Value):
    """How many keys the line holds or held, and how many of them were seen by anybody, those seen last at the head."""

    held: int
    seen_in_all: int
    seen: tuple[SeenKey, ...] = Field(description="A hundred at most.")


class DownloadsMade(Value):
    """The downloads of the line, each use of a link counted once, and how many links still open a file."""

    started: int
    started_since: int = Field(description="Of these, after the request.")
    first_at: AwareDatetime | None
    last_at: AwareDatetime | None
    links_open: int


class PastCase(Value):
    """An earlier cancellation in one line."""

    cancellation_id: str
    ticket_number: int | None
    order_number: int
    customer_id: str
    product: str
    received_at: AwareDatetime
    status: CancellationStatus
    asked: Money
    credited: Money | None


class History(Value):
    """Earlier cancellations: how many since when, how they ended, for how much, and the last ten of all."""

    since: AwareDatetime = Field(
        description="The span of the thresholds before the request; shorter where it holds 2,000 cases."
    )
    cases: int
    by_status: dict[CancellationStatus, int]
    asked: tuple[Money, ...] = Field(description="One sum per currency.")
    credited: tuple[Money, ...] = Field(description="One sum per currency.")
    last: tuple[PastCase, ...]


class Standing(Value):
    """Whether the reader may approve now, by the rule that decides it when they do; and who else may.

    Whoever approved a case that waits for more people may still decline it.
    """

    may_decide: bool
    refusal_code: str | None = None
    refusal: str | None = None
    approvals_missing: int
    who_may: tuple[str, ...] = Field(description="Users whom no rule keeps from deciding.")


class Brief(Value):
    """One case as its approver needs it, read at one instant; `people` names everybody given by id."""

    ticket: Ticket = Field(description="With the conversation so far.")
    cancellation: Cancellation = Field(description="With the approvals given so far.")
    order: Order
    line: OrderLine
    quote: ExplainedQuote | None = Field(
        description="What the case was judged by; null until then."
    )
    checks: Checks
    keys: KeysSeen
    downloads: DownloadsMade
    replacement: Replacement | None = Field(description="An open one, of a key of the line.")
    customer_history: History
    partner_history: History
    standing: Standing
    decline_reasons: tuple[OfferedReason, ...] = Field(
        description="One of these goes with a decline."
    )
    viewers: tuple[Viewer, ...] = Field(description="Who has it open, the reader left out.")
    revision: int = Field(description="Send it with the decision: 412 if the case has moved since.")
    changes: tuple[TimelineEntry, ...] = Field(
        description="What happened since the revision that `since` names."
    )
    people: dict[str, str]

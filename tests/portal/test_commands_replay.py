"""`keydesk policy replay`: the two real changes of the terms as worked out by hand, and nothing written."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, Engine, event, inspect
from typer.testing import CliRunner, Result

import demo
from models.decision import Verdict
from portal.cli import app
from storage.cancellation import validate_window
from storage.engine import Database
from storage.policy import add_policies
from tests.factories import (
    APPROVER,
    BUYER,
    CUSTOMER,
    OTHER_BUYER,
    OTHER_CUSTOMER,
    OTHER_PARTNER,
    PARTNER,
    PER_LINE,
    PLACED_AT,
    SEVERAL,
    Story,
)
from tests.fixtures.terms import two_people

SHIPPED = Path(demo.__path__[0])
DAY, INSTANT, MINUTE = timedelta(days=1), timedelta(microseconds=1), timedelta(minutes=1)
SUBSCRIPTION = "DG7GMGF0D5RK:000C"
"""2 times 214.80 EUR for 365 days; the perpetual product is 2 times 1,029.00 EUR or 2 times 25,990.00 CZK."""


class Golden(NamedTuple):
    """A case, and what the terms of June 2021 and of July 2022 make of it: change, credit, given back."""

    elapsed: timedelta
    sku: str
    decide: Callable[[Story], Story]
    in_2021: tuple[str, int, int]
    in_2022: tuple[str, int, int]
    currency: str = "EUR"
    of_other_partner: bool = False


def approved(story: Story) -> Story:
    return story.decide()


def declined(story: Story) -> Story:
    return story.decide(Verdict.DECLINED)


def approved_for_less(story: Story) -> Story:
    return story.decide(Verdict.APPROVED, APPROVER, 10_000)


def withdrawn(story: Story) -> Story:
    return story.decide(Verdict.WITHDRAWN, BUYER)


def compensated(story: Story) -> Story:
    return story.decide().suspend().compensate()


def expired(story: Story) -> Story:
    return story.expire()


REFUSED = ("refused", 0, 0)
GOLDEN = (
    Golden(30 * DAY, PER_LINE, approved, ("same", 205_800, 205_800), ("same", 205_800, 205_800)),
    Golden(30 * DAY + INSTANT, PER_LINE, approved, REFUSED, REFUSED),
    Golden(59 * DAY, PER_LINE, declined, REFUSED, REFUSED),
    Golden(DAY, SUBSCRIPTION, approved, ("same", 42_960, 42_960), ("same", 42_960, 42_960)),
    # 364 of 365 days unused: 214.80 / 365 times 364 = 214.2115… → 214.21, times 2.
    Golden(
        DAY + INSTANT, SUBSCRIPTION, approved, ("less", 42_842, 42_842), ("less", 42_842, 42_842)
    ),
    # 359 days: 211.2690… → 211.26, times 2; what was approved for less stays.
    Golden(
        7 * DAY,
        SUBSCRIPTION,
        approved_for_less,
        ("less", 42_252, 10_000),
        ("less", 42_252, 10_000),
    ),
    # 358 days: 210.6805… → 210.68, times 2.
    Golden(7 * DAY + INSTANT, SUBSCRIPTION, approved, ("less", 42_136, 42_136), REFUSED),
    # 337 days: 198.3221… → 198.32, times 2.
    Golden(29 * DAY, SUBSCRIPTION, withdrawn, ("less", 39_664, 0), REFUSED),
    Golden(5 * DAY, PER_LINE, expired, ("same", 205_800, 0), ("same", 205_800, 0)),
    # An operator ended it before its credit: nothing was given back, and nothing would be.
    Golden(6 * DAY, PER_LINE, compensated, ("same", 205_800, 0), ("same", 205_800, 0)),
    Golden(40 * DAY, PER_LINE, approved, REFUSED, REFUSED, "CZK"),
    Golden(45 * DAY, PER_LINE, approved, REFUSED, REFUSED, "CZK", of_other_partner=True),
)


def tell(database: Database, golden: Golden) -> Story:
    buyer = OTHER_BUYER if golden.of_other_partner else BUYER
    customer = OTHER_CUSTOMER if golden.of_other_partner else CUSTOMER
    story = Story(database, sku=golden.sku, currency=golden.currency)
    story.place(buyer, customer).charge().deliver()
    story.at = PLACED_AT + golden.elapsed - MINUTE
    return golden.decide(story.request(buyer))


@pytest.fixture
def told(database: Database, monkeypatch: pytest.MonkeyPatch) -> dict[str, Golden]:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    return {tell(database, golden).cancellation_id: golden for golden in GOLDEN}


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["policy", "replay", *words], catch_exceptions=False)


def replay(stem: str, *words: str) -> Any:
    return json.loads(run(str(SHIPPED / f"{stem}.yaml"), "--json", *words).stdout)


def euros(then: int, now: int) -> dict[str, Any]:
    return _money(PARTNER, "EUR", then, now)


def _money(partner: str, currency: str, then: int, now: int) -> dict[str, Any]:
    return {
        "partner_id": partner,
        "granted_then": {"amount_minor": then, "currency": currency},
        "granted": {"amount_minor": now, "currency": currency},
    }


CROWNS = _money(PARTNER, "CZK", 5_198_000, 0)
OTHERS = _money(OTHER_PARTNER, "CZK", 5_198_000, 0)
SIXTY_DAYS = "2026-05-01T09:00:00Z"
THIRTY_DAYS = "2026-04-01T09:00:00Z"
SEVEN_DAYS = "2026-03-09T09:00:00Z"


@pytest.mark.parametrize(
    ("stem", "year", "changes", "money", "closes"),
    [
        (
            "policies-2021-06",
            "in_2021",
            {"same": 4, "refused": 4, "less": 4},
            euros(550_480, 343_738),
            {PER_LINE: THIRTY_DAYS, SUBSCRIPTION: THIRTY_DAYS},
        ),
        (
            "policies-2022-07",
            "in_2022",
            {"same": 4, "refused": 6, "less": 2},
            euros(550_480, 301_602),
            {PER_LINE: THIRTY_DAYS, SUBSCRIPTION: SEVEN_DAYS},
        ),
    ],
)
def test_the_changes_of_2021_and_2022(
    told: dict[str, Golden],
    stem: str,
    year: str,
    changes: dict[str, int],
    money: dict[str, Any],
    closes: dict[str, str],
) -> None:
    report = replay(stem)

    assert report["cases"] == len(GOLDEN)
    assert {change: count for change, count in report["changes"].items() if count} == changes
    assert report["money"] == [CROWNS, money, OTHERS]
    listed = {case["cancellation_id"]: case for case in report["to_look_at"]}
    for cancellation_id, golden in told.items():
        expected = getattr(golden, year)
        if expected[0] == "same":
            assert cancellation_id not in listed
            continue
        case = listed[cancellation_id]
        amounts = (case["credit"]["amount_minor"], case["granted"]["amount_minor"])
        assert (case["change"], *amounts) == expected
        assert (case["deadline_then"], case["deadline"]) == (SIXTY_DAYS, closes[golden.sku])
        why = "cancellation_window_closed" if expected == REFUSED else None
        assert (case["reason_then"], case["reason"]) == (None, why)


@pytest.mark.usefixtures("told")
def test_nothing_is_written(database: Database) -> None:
    def written() -> dict[str, Any]:
        with database.reading() as connection:
            names = inspect(connection).get_table_names()
            content = (
                "SELECT md5(string_agg(row::text || row.xmin, ' ' ORDER BY row.ctid)) FROM {} row"
            )
            return {
                name: connection.exec_driver_sql(content.format(name)).scalar_one()
                for name in names
            }

    before = written()
    replay("policies-2021-06")

    assert before["cancellations"]
    assert written() == before


@pytest.mark.usefixtures("told")
def test_the_server_itself_would_refuse_a_write() -> None:
    asked: list[str] = []

    def ask(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if "cancellations.quote" in statement:
            with connection.connection.cursor() as cursor:
                cursor.execute("SHOW transaction_read_only")
                asked.extend(cursor.fetchone() or ())

    event.listen(Engine, "before_cursor_execute", ask)
    try:
        replay("policies-2021-06")
    finally:
        event.remove(Engine, "before_cursor_execute", ask)

    assert asked
    assert set(asked) == {"on"}


@pytest.mark.usefixtures("told")
def test_terms_not_in_force_when_the_order_was_placed_are_not_asked(tmp_path: Path) -> None:
    later = (SHIPPED / "policies-2021-06.yaml").read_text().replace("2021-06-01", "2030-01-01")
    candidate = tmp_path / "later.yaml"
    candidate.write_text(later)

    asked = json.loads(run(str(candidate), "--json", "--effective").stdout)

    assert asked["changes"]["uncovered"] == asked["cases"] == len(GOLDEN)
    assert asked["money"][1] == euros(550_480, 550_480)
    assert replay("policies-2021-06", "--effective")["changes"]["uncovered"] == 0


@pytest.mark.usefixtures("told")
def test_the_list_holds_the_heaviest_of_each_currency_and_says_what_it_leaves_out() -> None:
    report = replay("policies-2022-07", "--limit", "2")
    shown = run(str(SHIPPED / "policies-2022-07.yaml"), "--limit", "2")

    listed = [tuple(case["credit_then"].values()) for case in report["to_look_at"]]
    assert listed == [*2 * [(5_198_000, "CZK")], *2 * [(205_800, "EUR")]]
    assert "12 cases: 4 same, 6 refused, 2 less." in shown.stdout
    assert "and 4 more that flip" in shown.stdout
    assert "refused at the door" in shown.stdout


@pytest.mark.usefixtures("told")
def test_one_partner_alone() -> None:
    report = replay("policies-2021-06", "--partner", OTHER_PARTNER)

    assert (report["cases"], report["money"]) == (1, [OTHERS])


def test_a_book_without_cases_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)

    shipped = str(SHIPPED / "policies-2021-06.yaml")

    assert "no past case yet" in run(shipped).stdout
    assert f"no past case of partner {PARTNER}" in run(shipped, "--partner", PARTNER).stdout


def test_a_case_refused_then_may_be_accepted_and_is_still_not_paid(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    with database.transaction() as connection:
        add_policies(connection, [two_people(refuse_revealed_key=True)])
    story = Story(database, sku=SEVERAL, quantity=1).buy().receive().reveal()
    validate_window(database, story.step())

    report = replay("policies-2021-06")

    [case] = report["to_look_at"]
    assert (case["change"], case["reason_then"], case["reason"]) == (
        "accepted",
        "key_revealed",
        None,
    )
    assert case["credit_then"]["amount_minor"] == 0 < case["credit"]["amount_minor"]
    assert report["money"] == [euros(0, 0)]

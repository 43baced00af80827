"""Every effect twice, concurrently and late: done once, answered alike, and refused when its time is over."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import func, select

from activities.cancellation import CancellationActivities
from activities.credit import CreditActivities
from activities.decision import DecisionActivities
from activities.order import OrderActivities
from activities.product_key import ProductKeyActivities
from activities.ticket import TicketActivities
from models.decision import DecisionAttempt, Verdict
from models.ids import SYSTEM_USER, Prefix, new_id
from models.notice import NoticeKind
from models.product_key import KeyState
from models.step import (
    ActedStep,
    AttentionStep,
    DecisionStep,
    NoteStep,
    NumberedStep,
    StockStep,
)
from models.tables.column import table
from models.tables.product_key import ProductKeyRow
from models.tables.record import EffectRow, OutboxRow
from models.tables.ticket import TicketRow
from models.ticket import NoteRef
from storage.engine import Database
from storage.ticket_note import require_conversation
from storage.verify import verify
from tests.factories import APPROVER, OPERATOR, PER_UNIT, Story
from tests.fixtures.ring import CIPHER

Call = Callable[[], BaseModel]
_AT_ONCE = 4


def pressed(call: Call) -> BaseModel:
    """Four attempts at once and one more afterwards: what a frozen worker and its successor do."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        answers = [running.result() for running in [threads.submit(call) for _ in range(_AT_ONCE)]]
    answers.append(call())
    assert all(answer == answers[0] for answer in answers), answers
    return answers[0]


def count_effects(database: Database, story: Story) -> dict[str, int]:
    effects = table(EffectRow)
    with database.reading() as book:
        keys = book.execute(
            select(effects.c.key).where(effects.c.order_id == story.order_id)
        ).scalars()
        names = [key.split("/")[1].split(":")[0] for key in keys]
    return {name: names.count(name) for name in names}


def test_every_effect_of_both_processes_happens_once(database: Database) -> None:
    story = Story(database, sku=PER_UNIT, quantity=3).place()
    orders, keys = OrderActivities(database), ProductKeyActivities(database, CIPHER)
    cases, tickets = CancellationActivities(database), TicketActivities(database)

    def of_order() -> dict[str, Any]:
        return story.step(story.order_id).model_dump()

    def of_case() -> dict[str, Any]:
        return story.step().model_dump()

    def press(
        activity: Callable[[Any], BaseModel], kind: type[BaseModel], **more: Any
    ) -> BaseModel:
        step = of_case() if activity.__name__ in _OF_CASE else of_order()
        return pressed(lambda: activity(kind(**step, **more)))

    press(orders.validate_order, ActedStep, actor_id=SYSTEM_USER)
    press(orders.charge_order, ActedStep, actor_id=SYSTEM_USER)
    press(keys.allocate_keys, ActedStep, actor_id=SYSTEM_USER)
    press(orders.open_downloads, ActedStep, actor_id=SYSTEM_USER)
    press(orders.remind_window, ActedStep, actor_id=SYSTEM_USER)
    story.receive()
    press(cases.validate_window, ActedStep, actor_id=SYSTEM_USER)
    press(tickets.create_ticket, ActedStep, actor_id=SYSTEM_USER)
    press(tickets.remind_approvers, NumberedStep, number=1)
    press(tickets.escalate_ticket, ActedStep, actor_id=SYSTEM_USER)
    press(tickets.ask_requester, NoteStep, note=NoteRef(note_id="not_1", actor_id=APPROVER))
    press(tickets.take_answer, NoteStep, note=NoteRef(note_id="not_2", actor_id=APPROVER))
    press(tickets.flag_attention, AttentionStep, number=1, problem="It keeps failing.")
    attempt = DecisionAttempt(
        id=new_id(Prefix.DECISION),
        cancellation_id=story.cancellation_id,
        actor_id=APPROVER,
        verdict=Verdict.APPROVED,
    )
    press(DecisionActivities(database).record_decision, DecisionStep, attempt=attempt)
    press(keys.suspend_key, ActedStep, actor_id=SYSTEM_USER)
    press(CreditActivities(database).book_credit, ActedStep, actor_id=SYSTEM_USER)
    press(keys.revoke_key, ActedStep, actor_id=SYSTEM_USER)
    press(tickets.close_ticket, ActedStep, actor_id=SYSTEM_USER)
    press(orders.finalise_order, ActedStep, actor_id=SYSTEM_USER)

    assert set(count_effects(database, story).values()) == {1}
    assert verify(database, story.at).breaches == ()


_OF_CASE = {
    "validate_window",
    "create_ticket",
    "remind_approvers",
    "escalate_ticket",
    "ask_requester",
    "take_answer",
    "flag_attention",
    "record_decision",
    "suspend_key",
    "book_credit",
    "revoke_key",
    "close_ticket",
    "compensate_cancellation",
    "reinstate_key",
}


def test_every_effect_that_undoes_happens_once(database: Database) -> None:
    dry = Story(database).place().charge()
    tickets, orders = TicketActivities(database), OrderActivities(database)
    stock = StockStep(**dry.step(dry.order_id).model_dump(), missing_skus=("A:1",))
    pressed(lambda: tickets.open_stock_incident(stock))
    undo = ActedStep(**dry.step(dry.order_id).model_dump(), actor_id=OPERATOR)
    pressed(lambda: orders.reverse_charge(undo))

    given_up = Story(database).buy().request().decide().suspend()
    act = ActedStep(**given_up.step().model_dump(), actor_id=OPERATOR)
    pressed(lambda: CancellationActivities(database).compensate_cancellation(act))
    pressed(lambda: ProductKeyActivities(database, CIPHER).reinstate_key(act))

    for story in (dry, given_up):
        assert set(count_effects(database, story).values()) == {1}
    assert verify(database, given_up.at).breaches == ()


def key_states(database: Database, story: Story) -> set[str]:
    keys = table(ProductKeyRow)
    with database.reading() as book:
        found = book.execute(select(keys.c.state).where(keys.c.order_id == story.order_id))
        return set(found.scalars())


def test_a_late_suspension_does_not_stop_a_reinstated_key(database: Database) -> None:
    story = Story(database).buy().request().decide()
    late = story.step()
    story.compensate()
    assert not ProductKeyActivities(database, CIPHER).suspend_key(late).done
    assert key_states(database, story) == {KeyState.ALLOCATED}


def test_a_late_allocation_gives_a_failed_order_no_keys(database: Database) -> None:
    story = Story(database).place().charge()
    late = story.step(story.order_id)
    story.run_dry()
    assert not ProductKeyActivities(database, CIPHER).allocate_keys(late).allocated
    assert key_states(database, story) == set()
    assert verify(database, story.at).breaches == ()


@pytest.mark.parametrize("verb", ["ask_requester", "take_answer"])
def test_a_settled_case_is_not_talked_about(database: Database, verb: str) -> None:
    story = Story(database).buy().request().decide(Verdict.DECLINED)
    note = NoteRef(note_id=new_id(Prefix.NOTE), actor_id=APPROVER)
    step = NoteStep(**story.step().model_dump(), note=note)
    assert not getattr(TicketActivities(database), verb)(step).done
    outbox = table(OutboxRow)
    talk = [NoticeKind.QUESTION_ASKED, NoticeKind.QUESTION_ANSWERED]
    with database.reading() as book:
        sent = book.execute(select(func.count()).where(outbox.c.kind.in_(talk))).scalar_one()
    assert sent == 0


def test_a_flag_is_taken_back_and_never_hides_an_open_question(database: Database) -> None:
    story = Story(database).buy().request()
    tickets = TicketActivities(database)
    rows = table(TicketRow)
    note = NoteRef(note_id=new_id(Prefix.NOTE), actor_id=APPROVER)
    tickets.ask_requester(NoteStep(**story.step().model_dump(), note=note))
    tickets.flag_attention(AttentionStep(**story.step().model_dump(), number=1, problem="Broken."))
    with database.reading() as book:
        ticket_id = book.execute(
            select(rows.c.id).where(rows.c.cancellation_id == story.cancellation_id)
        ).scalar_one()
        requester = story.person("usr_alice_admin")
        require_conversation(book, requester, ticket_id, "not_x", question=False)

    tickets.flag_attention(AttentionStep(**story.step().model_dump(), number=2, problem=None))
    with database.reading() as book:
        flag = book.execute(select(rows.c.needs_attention).where(rows.c.id == ticket_id)).scalar()
    assert flag is None

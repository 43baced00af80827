"""Outside tickets in the book: what a desk lacks, who tells it, and what comes from there, each once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from models.decision import Verdict
from models.errors import NotFound
from models.inbox import InboxItem
from models.outside_ticket import ChangeKind, DeskPerson, OutsideAuthor, OutsideChange
from models.ticket import Audience, TicketNote
from storage import inbox, outside_ticket
from storage.case import load_case
from storage.desk_person import forget_person, list_people, name_person, user_behind
from storage.engine import Database
from storage.outside_change import cursor_of, new_ones
from storage.policy import add_policies
from storage.principal import principal_of
from storage.ticket_note import write_note
from storage.ticket_view import find_ticket
from storage.verify import verify
from tests.factories import APPROVER, BUYER, OPERATOR, OTHER_APPROVER, PER_LINE, UNDOABLE, Story
from tests.fixtures.outside import DESK, note_there, open_outside, take
from tests.fixtures.terms import undoable


class Copy:
    """A waiting case with its copy, number 7, and approval 71."""

    def __init__(self, database: Database, sku: str = PER_LINE) -> None:
        self.database = database
        self.story = Story(database, sku=sku, quantity=1).buy().request()
        self.at = self.story.at
        with database.reading() as connection:
            self.ticket_id: str = load_case(connection, self.story.cancellation_id).ticket_id

    def open(self) -> "Copy":
        open_outside(self.database, self.ticket_id, self.at)
        return self

    def name(self, name: str, user_id: str) -> None:
        with self.database.transaction() as connection:
            person = DeskPerson(desk=DESK, name=name, user_id=user_id)
            name_person(connection, person, at=self.at, by=OPERATOR)

    def note(self, words: str, note_id: str = "not_ours") -> None:
        with self.database.reading() as connection:
            person = principal_of(connection, APPROVER)
        assert person is not None
        note = TicketNote(
            id=note_id,
            author_id=APPROVER,
            audience=Audience.PARTNER,
            text=words,
            written_at=self.story.tick(),
        )
        write_note(self.database, person, self.ticket_id, note)

    def decision(self, number: int, verdict: str = "approved", by: str = "bob") -> OutsideChange:
        return OutsideChange.model_validate(
            {
                "number": number,
                "on": "71",
                "kind": ChangeKind.DECISION,
                "author": {"name": by},
                "happened_at": self.at,
                "verdict": verdict,
            }
        )

    def events(self) -> list[tuple[str, str, str | None]]:
        query = text(
            "SELECT event_id, status, outcome ->> 'code' FROM inbox WHERE source = :desk ORDER BY received_at"
        )
        with self.database.reading() as connection:
            return [(r[0], r[1], r[2]) for r in connection.execute(query, {"desk": DESK})]


@pytest.fixture
def copy(database: Database) -> Copy:
    return Copy(database)


def test_every_open_case_gets_one_copy_and_a_closed_one_none(copy: Copy) -> None:
    Story(copy.database).buy().cancel()
    assert outside_ticket.adopt(copy.database, DESK, copy.at) == 1
    assert outside_ticket.adopt(copy.database, DESK, copy.at) == 0
    work = outside_ticket.claim_due(copy.database, DESK, copy.at)
    assert work is not None
    assert (work.ticket_id, work.number) == (copy.ticket_id, None)
    assert work.draft.key == copy.story.cancellation_id
    assert work.question is not None
    assert work.question.key == f"{copy.story.cancellation_id}/1"


def test_a_claimed_ticket_is_nobody_elses_until_its_lease_ends(copy: Copy) -> None:
    for _ in range(5):
        Story(copy.database).buy().request()
    outside_ticket.adopt(copy.database, DESK, copy.at)

    def claim(_: int) -> str | None:
        work = outside_ticket.claim_due(copy.database, DESK, copy.at)
        return work.ticket_id if work else None

    with ThreadPoolExecutor(12) as pool:
        claimed = [one for one in pool.map(claim, range(12)) if one]
    claimed += [one for one in map(claim, range(12)) if one]
    assert len(claimed) == len(set(claimed)) == 6
    later = copy.at + outside_ticket.LEASE
    assert outside_ticket.claim_due(copy.database, DESK, later) is not None


def test_what_happens_to_a_case_is_told_once_in_order(copy: Copy) -> None:
    copy.open()
    copy.note("Called them.")
    copy.story.decide()
    work = outside_ticket.claim_due(copy.database, DESK, copy.story.at)
    assert work is not None
    told = [one.message.text for one in work.tellings if one.message]
    assert told == ["Bob Beránek wrote:\n\nCalled them.", "The cancellation was approved."]
    assert work.spent_approval == "71"
    assert work.outcome is None, "the credit is not booked yet"
    outside_ticket.record_told(copy.database, copy.ticket_id, work.tellings[-1].effect_id)
    outside_ticket.record_told(copy.database, copy.ticket_id, work.tellings[0].effect_id)
    outside_ticket.record_settled(copy.database, copy.ticket_id, copy.at)
    outside_ticket.record_in_step(copy.database, copy.ticket_id, copy.at, closed=False)
    assert outside_ticket.claim_due(copy.database, DESK, copy.story.at) is None
    assert verify(copy.database, copy.story.at).breaches == ()


def test_each_round_of_a_case_is_told_with_its_own_reason_and_asks_anew(
    database: Database,
) -> None:
    with database.transaction() as connection:
        add_policies(connection, [undoable()])
    copy = Copy(database, UNDOABLE).open()
    copy.story.decide().undo()
    work = outside_ticket.claim_due(database, DESK, copy.story.at)
    assert work is not None
    assert (work.spent_approval, work.question) == (None, None), "the open one still asks"
    copy.story.decide(Verdict.DECLINED, OTHER_APPROVER)
    with database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE decisions DISABLE TRIGGER USER")
        connection.execute(text("UPDATE decisions SET note = verdict || ' for a reason'"))
    work = outside_ticket.claim_due(database, DESK, copy.story.at + outside_ticket.LEASE)
    assert work is not None
    assert [one.message.text for one in work.tellings if one.message] == [
        "The cancellation was approved.\napproved for a reason",
        "The approval was taken back; the case waits for a decision again.",
        "The cancellation was declined.\ndeclined for a reason",
    ]
    assert work.spent_approval == "71"


def test_a_desk_that_refuses_is_tried_again_and_the_reason_is_shown_to_staff_only(
    copy: Copy,
) -> None:
    copy.open()
    copy.note("Called them.")
    at = copy.story.at
    assert outside_ticket.claim_due(copy.database, DESK, at) is not None
    outside_ticket.record_failure(
        copy.database, copy.ticket_id, "It is away.", refused=False, at=at
    )
    assert outside_ticket.claim_due(copy.database, DESK, at) is None
    assert outside_ticket.claim_due(copy.database, DESK, at + timedelta(seconds=5)) is not None
    with copy.database.reading() as connection:
        for user_id, error in ((OPERATOR, "It is away."), (BUYER, None)):
            person = principal_of(connection, user_id)
            assert person is not None
            ticket = find_ticket(connection, person, copy.ticket_id, at)
            assert ticket is not None
            shown = ticket.outside_ticket
            assert (shown.last_error if shown else None) == error


def test_acts_are_taken_once_in_their_order_and_the_cursor_goes_on(copy: Copy) -> None:
    copy.open()
    copy.name("bob", APPROVER)
    acts = [note_there(5, "One", copy.at), note_there(6, "Two", copy.at), copy.decision(7)]
    assert take(copy.database, copy.at, *acts, settled_to=6) == 3
    assert take(copy.database, copy.at, *acts, settled_to=2) == 0
    assert cursor_of(copy.database, DESK) == 6
    assert new_ones(copy.database, DESK, [*acts, note_there(8, "New", copy.at)]) == [
        note_there(8, "New", copy.at)
    ]
    assert new_ones(copy.database, DESK, [note_there(9, "Not ours", copy.at, on="99")]) == []
    assert copy.events() == [
        ("5", "received", None),
        ("6", "received", None),
        ("7", "received", None),
    ]


def test_many_readers_of_one_act_take_it_once(copy: Copy) -> None:
    copy.open()
    copy.name("bob", APPROVER)

    def read(_: int) -> int:
        return take(copy.database, copy.at, note_there(5, "One", copy.at), settled_to=5)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(read, range(8))) == 1
    assert len(copy.events()) == 1


@pytest.mark.parametrize(
    ("author", "words", "code"),
    [
        ("stranger", "Hello", "author_unmapped"),
        ("bob", "", "words_not_acceptable"),
        ("bob", "x" * 4001, "words_not_acceptable"),
        ("bob", "hidden \u202e words", "words_not_acceptable"),
    ],
)
def test_what_cannot_be_taken_is_answered_once(
    copy: Copy, author: str, words: str, code: str
) -> None:
    copy.open()
    copy.name("bob", APPROVER)
    take(copy.database, copy.at, note_there(5, words, copy.at, by=author))
    assert copy.events() == [("5", "rejected", code)]
    work = outside_ticket.claim_due(copy.database, DESK, copy.at)
    assert work is not None
    (answer,) = work.answers
    assert answer.message.text.startswith("Keydesk did not take this note: ")
    assert answer.message.audience is Audience.INTERNAL
    outside_ticket.record_answered(copy.database, DESK, answer.change_number, copy.at)
    outside_ticket.record_in_step(copy.database, copy.ticket_id, copy.at, closed=False)
    assert outside_ticket.claim_due(copy.database, DESK, copy.at) is None


def test_the_next_approval_is_asked_for_only_when_the_last_act_is_settled(copy: Copy) -> None:
    copy.open()
    copy.name("bob", APPROVER)
    take(copy.database, copy.at, copy.decision(5))
    assert outside_ticket.claim_due(copy.database, DESK, copy.at) is None, "the house thinks"
    (item,) = inbox.claim_due(copy.database, copy.at + timedelta(seconds=1), 10)
    refuse(copy.database, item)
    work = outside_ticket.claim_due(copy.database, DESK, copy.at)
    assert work is not None
    assert [a.message.text for a in work.answers] == [
        "Keydesk did not take this decision: Not you."
    ]
    assert work.question is not None
    assert work.question.key.endswith("/2")


def refuse(database: Database, item: InboxItem) -> None:
    inbox.mark_rejected(database, item, {"code": "own_request", "detail": "Not you."})


def test_a_note_from_the_desk_is_not_told_to_it_again(copy: Copy) -> None:
    copy.open()
    copy.name("bob", APPROVER)
    take(copy.database, copy.at, note_there(5, "From there", copy.at))
    (item,) = inbox.claim_due(copy.database, copy.at + timedelta(seconds=1), 10)
    copy.note("From there", note_id=item.resource_id)
    inbox.mark_done(copy.database, item, {})
    work = outside_ticket.claim_due(copy.database, DESK, copy.story.at)
    assert work is not None
    assert [one.message for one in work.tellings] == [None]


def test_people_are_named_by_name_or_address_and_forgotten(copy: Copy) -> None:
    copy.name("Bob", APPROVER)
    copy.name("Carol@Tracker.Example", OTHER_APPROVER)
    known = {
        OutsideAuthor(name="BOB"): APPROVER,
        OutsideAuthor(name="bob", email="carol@tracker.example"): APPROVER,
        OutsideAuthor(name="c", email="Carol@tracker.example"): OTHER_APPROVER,
        OutsideAuthor(name="stranger", email="s@tracker.example"): None,
    }
    with copy.database.transaction() as connection:
        assert {one: user_behind(connection, DESK, one) for one in known} == known
        forget_person(connection, DESK, "BOB", at=copy.at, by=OPERATOR)
        assert [one.name for one in list_people(connection, DESK)] == ["carol@tracker.example"]
        with pytest.raises(NotFound):
            forget_person(connection, DESK, "bob", at=copy.at, by=OPERATOR)
        nobody = DeskPerson(desk=DESK, name="x", user_id="usr_nobody")
        with pytest.raises(NotFound):
            name_person(connection, nobody, at=copy.at, by=OPERATOR)
        audited = connection.execute(
            text(
                "SELECT action, subject_id FROM audit WHERE action LIKE 'desk_person.%' ORDER BY id"
            )
        ).all()
    assert [tuple(row) for row in audited] == [
        ("desk_person.named", APPROVER),
        ("desk_person.named", OTHER_APPROVER),
        ("desk_person.forgotten", APPROVER),
    ]

"""Who has a ticket open: for a minute, to those who may see it, and swept away later."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from models.errors import NotFound
from models.presence import PRESENT_FOR
from models.tables.column import table
from models.tables.principal import UserRoleRow
from storage.engine import Database
from storage.presence import note_presence, presences, viewers_of
from storage.ticket import tickets
from tests.factories import APPROVER, OPERATOR, OTHER_APPROVER, Story

INSTANT = timedelta(microseconds=1)


class Ticket:
    """An open ticket, and those who look at it."""

    def __init__(self, database: Database) -> None:
        self.story = Story(database).buy().request()
        self.database, self.at = database, self.story.at
        with database.reading() as connection:
            self.id: str = connection.execute(select(tickets.c.id)).scalar_one()

    def look(self, user_id: str, at: datetime | None = None) -> None:
        note_presence(self.database, self.story.person(user_id), self.id, at or self.at)

    def seen_by(self, reader: str, at: datetime | None = None) -> list[str]:
        with self.database.reading() as connection:
            found = viewers_of(connection, self.id, at or self.at, but=reader)
        return [viewer.user_id for viewer in found]


@pytest.fixture
def ticket(database: Database) -> Ticket:
    return Ticket(database)


def test_others_see_who_looks_and_nobody_sees_themselves(ticket: Ticket) -> None:
    ticket.look(APPROVER)
    ticket.look(OPERATOR, ticket.at + INSTANT)
    assert ticket.seen_by(OTHER_APPROVER) == [APPROVER, OPERATOR]
    assert ticket.seen_by(APPROVER) == [OPERATOR]


def test_a_sign_counts_until_its_time_is_over(ticket: Ticket) -> None:
    ticket.look(APPROVER)
    assert ticket.seen_by(OPERATOR, ticket.at + PRESENT_FOR - INSTANT) == [APPROVER]
    assert ticket.seen_by(OPERATOR, ticket.at + PRESENT_FOR) == []


def test_whoever_stays_was_there_all_the_time(ticket: Ticket) -> None:
    later, much_later = ticket.at + PRESENT_FOR / 2, ticket.at + PRESENT_FOR * 3
    for at, since in ((ticket.at, ticket.at), (later, ticket.at), (much_later, much_later)):
        ticket.look(APPROVER, at)
        with ticket.database.reading() as connection:
            (viewer,) = viewers_of(connection, ticket.id, at, but=OPERATOR)
        assert (viewer.since, viewer.seen_at) == (since, at)


def test_a_late_sign_takes_no_time_back(ticket: Ticket) -> None:
    ticket.look(APPROVER, ticket.at + PRESENT_FOR)
    ticket.look(APPROVER, ticket.at)
    assert ticket.seen_by(OPERATOR, ticket.at + PRESENT_FOR) == [APPROVER]


def test_whoever_lost_the_role_is_not_named(ticket: Ticket) -> None:
    ticket.look(APPROVER)
    roles = table(UserRoleRow)
    with ticket.database.transaction() as connection:
        connection.execute(roles.delete().where(roles.c.user_id == APPROVER))
    assert ticket.seen_by(OPERATOR) == []


def test_a_ticket_out_of_sight_is_none(ticket: Ticket) -> None:
    with pytest.raises(NotFound):
        ticket.look("usr_petra_admin")


def test_old_signs_are_swept_away(ticket: Ticket) -> None:
    ticket.look(APPROVER)
    ticket.look(OPERATOR, ticket.at + timedelta(hours=2))
    with ticket.database.reading() as connection:
        rows = connection.execute(select(func.count()).select_from(presences)).scalar_one()
    assert rows == 1


def test_many_at_once_neither_fail_nor_wait_for_each_other(ticket: Ticket) -> None:
    people = [APPROVER, OTHER_APPROVER, OPERATOR] * 8
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ticket.look, people))
    assert set(ticket.seen_by("nobody")) == {APPROVER, OTHER_APPROVER, OPERATOR}

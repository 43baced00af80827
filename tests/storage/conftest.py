"""One book with a case at every stage, for tests that spoil it and roll back."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from storage.delivery import plan_new
from storage.embedded import EmbeddedPostgres
from storage.engine import Database
from tests.factories import PLACED_AT, Story
from tests.fixtures.attachments import attach_two
from tests.fixtures.chapters import tell_all
from tests.fixtures.closing import close_statements
from tests.fixtures.deliveries import URL, drain
from tests.fixtures.endpoints import register
from tests.fixtures.inquiry import tell_inquiries
from tests.fixtures.postgres import copy_of
from tests.fixtures.session import begin_two_sessions

OTHERS = {
    "other_partner": "par_00000000000000000000000000000002",
    "other_customer": "cus_00000000000000000000000000000003",
}


class Scene:
    """The database, its stories by chapter, and a moment after all of them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.endpoint_id = register(database, URL, at=PLACED_AT)
        self.stories: dict[str, Story] = tell_all(database)
        self.inquiries = tell_inquiries(database)
        # Later than the ages that rules allow for, and before the mails of the scene are overdue.
        self.now: datetime = PLACED_AT + timedelta(minutes=40)

        self.attachments = attach_two(
            database, self.inquiries["told"].id, PLACED_AT + timedelta(minutes=30)
        )
        begin_two_sessions(database, PLACED_AT + timedelta(minutes=2))

        # Between the charges and the first reversal, so that the later statements come with credit notes.
        (first,) = close_statements(database, PLACED_AT + timedelta(minutes=3, seconds=30))
        (later,) = close_statements(database, PLACED_AT + timedelta(minutes=38))
        plan_new(database, self.now)
        drain(database, self.now)
        self.statements: dict[str, object] = {
            "first_statement": first.id,
            "later_statement": later.id,
            "note": later.credit_notes[0].id,
        }

    def names(self) -> dict[str, object]:
        """What SQL may bind: `:now`, the others, two statements and a note, and `:final_order`, `_line`, `_case`, …"""
        names: dict[str, object] = {"now": self.now, **OTHERS, **self.statements}
        names["endpoint"] = self.endpoint_id
        names["attachment"], names["withdrawn_attachment"] = self.attachments
        for chapter, story in self.stories.items():
            names[f"{chapter}_order"] = story.order_id
            names[f"{chapter}_line"] = story.line_id
            names[f"{chapter}_case"] = story.cancellation_id
            names[f"{chapter}_replacement"] = story.replacement_id
            names[f"{chapter}_software"] = story.software_id
        for stage, inquiry in self.inquiries.items():
            names[f"{stage}_inquiry"] = inquiry.id
        return names


@pytest.fixture(scope="session")
def scene(postgres: EmbeddedPostgres, demo_template: str) -> Iterator[Scene]:
    """Shared by everybody: whoever spoils it rolls back."""
    with copy_of(postgres, demo_template) as database:
        yield Scene(database)

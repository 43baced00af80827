"""The revision of a case: every effect on its order moves it, and what happened since can be told."""

import pytest

from storage.engine import Database
from storage.revision import changes_since, revision_of
from tests.factories import OPERATOR, Story


def revision(story: Story) -> int:
    with story.database.reading() as connection:
        return revision_of(connection, story.order_id)


def test_an_order_to_which_nothing_happened_has_revision_0(database: Database) -> None:
    assert revision(Story(database)) == 0


@pytest.mark.parametrize("act", ["reveal", "share", "download", "decide"])
def test_what_an_approver_looks_at_moves_it(database: Database, act: str) -> None:
    story = Story(database).buy().share().request()
    before = revision(story)

    getattr(story, act)()

    with database.reading() as connection:
        (change,) = changes_since(connection, story.order_id, before)
    assert change.number == revision(story) > before


def test_another_order_does_not_move_it(database: Database) -> None:
    story = Story(database).buy().request()
    before = revision(story)

    Story(database).buy().reveal(OPERATOR, "Asked by the customer on the phone.")

    assert revision(story) == before

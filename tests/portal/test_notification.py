"""Choosing what one is told: everybody for themselves, the whole choice at once."""

from typing import Any

import pytest
from sqlalchemy import text

from storage.engine import Database
from tests.factories import APPROVER, BUYER, GLOBAL_ADMIN
from tests.fixtures.portal import Portal

PATH = "/api/v1/me/notifications"
CHOICE = {"language": "cs", "time_zone": "Europe/Prague", "off": ["approvals", "reminders"]}


async def choose(portal: Portal, body: Any, user: str = BUYER) -> Any:
    return await portal.post(PATH, body, user=user)


async def test_without_a_choice_everything_is_told_in_the_language_of_the_partner(
    portal: Portal, database: Database
) -> None:
    with database.transaction() as connection:
        connection.execute(text("UPDATE partners SET language = 'cs'"))

    assert (await portal.get(PATH, BUYER)).json() == {
        "language": None,
        "time_zone": None,
        "off": [],
        "mail_language": "cs",
    }
    assert (await portal.get(PATH, APPROVER)).json()["mail_language"] == "en"


async def test_a_choice_stands_until_the_next_and_is_nobody_elses(
    portal: Portal, database: Database
) -> None:
    chosen = await choose(portal, CHOICE)
    repeated = await choose(portal, CHOICE)
    found = (await portal.get(PATH, BUYER)).json()

    assert (chosen.status_code, chosen.json()) == (201, repeated.json())
    assert found | {"off": sorted(found["off"])} == CHOICE | {"mail_language": "cs"}
    assert (await portal.get(PATH, GLOBAL_ADMIN)).json()["off"] == []
    again = (await choose(portal, {"off": ["stock", "reminders"]})).json()
    assert (again["language"], set(again["off"])) == (None, {"stock", "reminders"})
    with database.reading() as connection:
        told = connection.execute(
            text("SELECT actor_id FROM audit WHERE action = 'notifications.chosen'")
        )
        assert list(told.scalars()) == [BUYER, BUYER]


@pytest.mark.parametrize(
    "body",
    [
        {"language": "de"},
        {"time_zone": "Prague"},
        {"time_zone": "../etc/passwd"},
        {"off": ["money"]},
        {"off": "reminders"},
        {"groups": []},
        [],
    ],
)
async def test_what_cannot_be_chosen_is_refused(still_portal: Portal, body: Any) -> None:
    refused = await choose(still_portal, body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")

"""Forms of pages: taken from our own pages only, and only as the forms that they are."""

import pytest

from tests.factories import APPROVER, BUYER
from tests.fixtures.browser import HERE, browsing
from tests.fixtures.portal import Portal

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": HERE},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:8001"},
    {"Origin": "null"},
]
OWN = [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": HERE}]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_another_site_can_send_no_form_of_ours(
    still_portal: Portal, headers: dict[str, str]
) -> None:
    async with browsing(still_portal, APPROVER) as browser, browsing(still_portal) as anonymous:
        for path in ("/sessions", "/sign-out", "/language", "/sign-in/development"):
            answer = await browser.send(path, {"user_id": BUYER, "language": "cs"}, **headers)
            assert answer.status_code == 403, path
            assert "Set-Cookie" not in answer.headers
        planted = await anonymous.send("/sign-in/development", {"user_id": BUYER}, **headers)
        assert planted.status_code == 403
        assert (await browser.get("/sessions")).status_code == 200


@pytest.mark.parametrize("headers", OWN, ids=str)
async def test_a_form_of_our_own_is_taken(still_portal: Portal, headers: dict[str, str]) -> None:
    async with browsing(still_portal, APPROVER) as browser:
        assert (await browser.send("/sessions", **headers)).status_code == 303


async def test_a_session_without_a_word_of_where_it_comes_from_does_nothing(
    still_portal: Portal,
) -> None:
    async with browsing(still_portal, APPROVER) as browser:
        answer = await browser.http.post("/sessions", data={})
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_site")


async def test_a_form_that_is_none_is_refused(still_portal: Portal) -> None:
    async with browsing(still_portal) as browser:
        http = browser.http
        json = await http.post("/sign-in/development", json={"user_id": APPROVER})
        assert json.status_code == 415
        files = await http.post("/sign-in/development", files={"user_id": b"usr_bob_approver"})
        assert files.status_code == 415
        long = await http.post("/sign-in/development", data={"user_id": "x" * 70_000})
        assert long.status_code == 413
        many = await http.post("/sign-in/development", data={f"f{n}": "1" for n in range(60)})
        assert many.status_code == 422

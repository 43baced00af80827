"""Signing in with a browser: the cookie, its rotation and its end, and who may not come in this way."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from models.tables.column import table
from models.tables.principal import UserRoleRow, UserRow
from models.tables.session import SessionRow
from storage.engine import Database
from tests.factories import APPROVER, BUYER, GLOBAL_ADMIN
from tests.fixtures.browser import HERE, browsing, location
from tests.fixtures.portal import Portal, portal_settings, serving

COOKIE = "keydesk-session"


class Clock:
    """A clock that tests turn on."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


async def test_somebody_signs_in_and_out(still_portal: Portal) -> None:
    async with browsing(still_portal) as browser:
        page = await browser.get("/sign-in")
        assert (page.status_code, "Bob Beránek" in page.text) == (200, True)
        assert "Cancellation policy" not in page.text

        await browser.sign_in(APPROVER)
        assert "Bob Beránek" in (await browser.get("/sessions")).text

        left = await browser.send("/sign-out")
        assert location(left) == "/sign-in"
        assert COOKIE not in browser.http.cookies
        assert location(await browser.get("/sessions")) == "/sign-in?next=/sessions"


async def test_the_cookie_is_for_this_host_and_no_script(still_portal: Portal) -> None:
    async with browsing(still_portal) as browser:
        answer = await browser.send("/sign-in/development", {"user_id": APPROVER})
    cookie = answer.headers["Set-Cookie"]
    assert re.fullmatch(rf"{COOKIE}=[\w-]{{43}}; HttpOnly; Path=/; SameSite=lax", cookie)


async def test_away_from_plain_loopback_the_cookie_is_secure(
    database: Database, key_ring: SecretStr, tmp_path: Path
) -> None:
    made = portal_settings(database.url, tmp_path, key_ring, "127.0.0.1:1")
    public = made.model_copy(update={"public_url": "https://keydesk.example"})
    async with serving(public) as portal, browsing(portal) as browser:
        answer = await browser.send("/sign-in/development", {"user_id": APPROVER})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"__Host-{COOKIE}=")
    assert "Secure" in cookie
    assert "Path=/;" in cookie
    assert "Domain" not in cookie


async def test_the_book_holds_no_secret(portal: Portal, database: Database) -> None:
    async with browsing(portal, APPROVER) as browser:
        secret = browser.http.cookies[COOKIE]
    with database.reading() as connection:
        row = connection.execute(select(table(SessionRow))).one()
    assert secret.encode() not in bytes(row.secret_sha256)
    assert len(row.secret_sha256) == 32


async def test_signing_in_makes_a_new_secret_and_ends_the_old_one(still_portal: Portal) -> None:
    async with browsing(still_portal) as browser, browsing(still_portal) as thief:
        # Somebody planted a secret of their own choice before.
        browser.http.cookies.set(COOKIE, "planted", domain="127.0.0.1")
        await browser.sign_in(BUYER)
        first = browser.http.cookies[COOKIE]
        assert first != "planted"
        await browser.sign_in(APPROVER)
        assert browser.http.cookies[COOKIE] != first
        for known in ("planted", first):
            thief.http.cookies.set(COOKIE, known, domain="127.0.0.1")
            assert (await thief.get("/sessions")).status_code == 303


async def test_it_ends_when_idle_and_at_last_anyway(
    database: Database, key_ring: SecretStr, tmp_path: Path
) -> None:
    clock = Clock()
    made = portal_settings(database.url, tmp_path, key_ring, "127.0.0.1:1")
    async with serving(made, clock=clock) as portal, browsing(portal, APPROVER) as browser:
        clock.now += timedelta(minutes=29)
        assert (await browser.get("/sessions")).status_code == 200
        clock.now += timedelta(minutes=30)
        assert (await browser.get("/sessions")).status_code == 303

        await browser.sign_in(APPROVER)
        for _ in range(35):
            clock.now += timedelta(minutes=20)
            assert (await browser.get("/sessions")).status_code == 200
        clock.now += timedelta(minutes=20)
        assert (await browser.get("/sessions")).status_code == 303


async def test_one_is_ended_here_or_all_everywhere(portal: Portal) -> None:
    async with (
        browsing(portal, APPROVER) as one,
        browsing(portal, APPROVER) as two,
        browsing(portal, BUYER) as other,
    ):
        page = (await one.get("/sessions")).text
        ids = re.findall(r'action="/sessions/(ses_\w+)"', page)
        assert len(ids) == 2
        assert page.count("this browser") == 1

        assert (await other.send(f"/sessions/{ids[0]}")).status_code == 404
        assert location(await one.send(f"/sessions/{ids[0]}")) == "/sessions"
        assert (await two.get("/sessions")).status_code == 303
        await two.sign_in(APPROVER)

        assert location(await one.send("/sessions")) == "/sign-in"
        for browser in (one, two):
            assert (await browser.get("/sessions")).status_code == 303
        assert (await other.get("/sessions")).status_code == 200


async def test_roles_are_read_at_every_act(portal: Portal, database: Database) -> None:
    roles, users = table(UserRoleRow), table(UserRow)
    async with browsing(portal, APPROVER) as browser:
        with database.transaction() as connection:
            connection.execute(roles.delete().where(roles.c.user_id == APPROVER))
        page = await browser.get("/sessions")
        assert page.status_code == 403
        assert "You hold no role yet." in page.text

        with database.transaction() as connection:
            connection.execute(users.update().where(users.c.id == APPROVER).values(active=False))
        assert (await browser.get("/sessions")).status_code == 303


async def test_the_api_takes_no_cookie(still_portal: Portal) -> None:
    async with browsing(still_portal, APPROVER) as browser:
        answer = await browser.get("/api/v1/customers")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("http://keydesk.example:8000", "127.0.0.1"),
        ("http://127.0.0.1.evil.example", "127.0.0.1"),
        ("http://192.0.2.7:8000", "127.0.0.1"),
        (HERE, "192.0.2.7"),
    ],
)
async def test_the_development_sign_in_is_on_this_machine_only(
    still_portal: Portal, base_url: str, address: str
) -> None:
    async with browsing(still_portal, base_url=base_url, address=address) as browser:
        page = await browser.get("/sign-in")
        assert "Bob Beránek" not in page.text
        assert "Nobody can sign in at this address." in page.text
        answer = await browser.send("/sign-in/development", {"user_id": APPROVER})
    assert answer.status_code == 404
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "keydesk.internal"])
async def test_a_portal_that_others_can_reach_has_no_development_sign_in(
    database: Database, key_ring: SecretStr, tmp_path: Path, host: str
) -> None:
    made = portal_settings(database.url, tmp_path, key_ring, "127.0.0.1:1")
    async with (
        serving(made.model_copy(update={"host": host})) as portal,
        browsing(portal) as browser,
    ):
        answer = await browser.send("/sign-in/development", {"user_id": APPROVER})
    assert answer.status_code == 404


@pytest.mark.parametrize("host", ["localhost:8000", "[::1]:8000", "127.8.8.8"])
async def test_this_machine_has_several_names(still_portal: Portal, host: str) -> None:
    async with browsing(still_portal, base_url=f"http://{host}") as browser:
        await browser.sign_in(APPROVER)


@pytest.mark.parametrize("user_id", ["usr_nobody", "usr_system", "", "x" * 65, "usr_bob' OR 1=1"])
async def test_nobody_signs_in_as_nobody(still_portal: Portal, user_id: str) -> None:
    async with browsing(still_portal) as browser:
        answer = await browser.send("/sign-in/development", {"user_id": user_id})
    assert answer.status_code in (404, 422)
    assert "Set-Cookie" not in answer.headers


async def test_trying_again_and_again_has_to_wait(portal: Portal) -> None:
    async with browsing(portal) as browser, browsing(portal, address="127.0.0.2") as other:
        answers = [
            await browser.send("/sign-in/development", {"user_id": "usr_nobody"}) for _ in range(21)
        ]
        assert [a.status_code for a in answers] == [404] * 20 + [429]
        assert answers[-1].headers["Retry-After"] == "60"
        await other.sign_in(APPROVER)


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/sessions", "/sessions"),
        ("/decide/abc?x=1", "/decide/abc?x=1"),
        (None, "/"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("/\t/evil.example", "/"),
        ("/" + "a" * 2000, "/"),
    ],
)
async def test_one_goes_on_in_this_portal_only(
    still_portal: Portal, wanted: str | None, reached: str
) -> None:
    async with browsing(still_portal) as browser:
        answer = await browser.http.post(
            "/sign-in/development",
            params={} if wanted is None else {"next": wanted},
            data={"user_id": GLOBAL_ADMIN},
        )
    assert answer.headers["Location"] == reached


async def test_pages_are_kept_by_nobody_and_run_nothing(still_portal: Portal) -> None:
    async with browsing(still_portal, APPROVER) as browser:
        for path in ("/sessions", "/sign-in", "/nothing-here"):
            answer = await browser.get(path)
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        policy = (await browser.get("/sessions")).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy


async def test_the_language_is_chosen_and_remembered(still_portal: Portal) -> None:
    async with browsing(still_portal) as browser:
        english = await browser.get("/sign-in")
        assert '<html lang="en">' in english.text
        asked = await browser.get("/sign-in", **{"Accept-Language": "fr, cs-CZ;q=0.8, en;q=0.5"})
        assert '<html lang="cs">' in asked.text

        chosen = await browser.send("/language?next=/sign-in", {"language": "cs"})
        assert location(chosen) == "/sign-in"
        czech = await browser.get("/sign-in")
        assert '<html lang="cs">' in czech.text
        assert "Přihlásit" in czech.text
        assert (await browser.send("/language", {"language": "xx"})).status_code == 422


async def test_a_public_page_shows_itself_while_the_book_is_away(
    portal_without_database: Portal,
) -> None:
    async with browsing(portal_without_database) as browser:
        browser.http.cookies.set(COOKIE, "some-secret", domain="127.0.0.1")
        assert (await browser.get("/problems")).status_code == 200
        private = await browser.get("/sessions")
    assert private.status_code == 503
    assert "Nothing is lost." in private.text
    assert private.headers["Retry-After"] == "5"

"""Signing in with an OpenID provider: there and back, and every way in which an answer may not be the answer."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc.jwk import KeySet, OctKey, RSAKey
from pydantic import SecretStr
from sqlalchemy import select

from models.errors import KeydeskError
from models.principal import Role
from models.tables.column import table
from models.tables.principal import UserRoleRow, UserRow
from models.tables.record import AuditRow
from processes.ports import free_ports
from settings import AuthKind, Settings
from storage.engine import Database
from tests.factories import APPROVER
from tests.fixtures.browser import Browser, browsing, location
from tests.fixtures.openid import CLIENT_ID, CLIENT_SECRET, Provider, openid_provider
from tests.fixtures.portal import portal_settings, serving

PUBLIC = "http://127.0.0.1:8000"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with openid_provider() as running:
        yield running


@pytest.fixture
def settings(
    provider: Provider, database: Database, key_ring: SecretStr, tmp_path: Path
) -> Settings:
    """A portal that knows the provider, and a book that knows the approver by the provider's name for them."""
    users = table(UserRow)
    with database.transaction() as connection:
        known = users.update().where(users.c.id == APPROVER).values(subject=provider.subject)
        connection.execute(known)
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(KeySet([provider.key]).as_dict(private=False)))
    made = portal_settings(database.url, tmp_path, key_ring, "127.0.0.1:1")
    return made.model_copy(
        update={
            "auth": AuthKind.OIDC,
            "oidc_issuer": provider.issuer,
            "oidc_jwks_file": jwks,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": SecretStr(CLIENT_SECRET),
        }
    )


@asynccontextmanager
async def visiting(settings: Settings) -> AsyncIterator[Browser]:
    """A browser at a portal with these settings."""
    async with serving(settings) as portal, browsing(portal) as browser:
        yield browser


async def depart(browser: Browser, going_on: str = "/sessions") -> str:
    """To the provider, which signs the person in; where it sends them back to."""
    leaving = await browser.get(f"/sign-in/provider?next={going_on}")
    assert leaving.status_code == 303, leaving.text
    async with httpx2.AsyncClient(trust_env=False) as http:
        back = await http.get(leaving.headers["Location"])
    address: str = back.headers["Location"]
    assert address.startswith(f"{PUBLIC}/sign-in/return?")
    return address.removeprefix(PUBLIC)


async def sign_in(browser: Browser) -> httpx2.Response:
    """There and back."""
    return await browser.get(await depart(browser))


def refused(answer: httpx2.Response) -> bool:
    """Nobody was signed in, and the page says nothing of the reason."""
    signed_in = "keydesk-session=" in str(answer.headers.get_list("set-cookie"))
    return (
        answer.status_code == 401
        and "The sign-in was not completed" in answer.text
        and not signed_in
    )


async def test_there_and_back(settings: Settings, provider: Provider) -> None:
    async with visiting(settings) as browser:
        page = await browser.get("/sign-in?next=/sessions")
        assert 'href="/sign-in/provider?next=/sessions"' in page.text
        assert "Bob Beránek" not in page.text

        home = await sign_in(browser)

        assert location(home) == "/sessions"
        assert "Bob Beránek" in (await browser.get("/sessions")).text
        assert "keydesk-journey" not in browser.http.cookies
    (asked,) = provider.asked
    assert asked["redirect_uri"] == f"{PUBLIC}/sign-in/return"
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert (asked["response_type"], asked["scope"]) == ("code", "openid")
    assert min(len(asked["state"]), len(asked["nonce"])) >= 43


async def test_nothing_secret_goes_to_the_provider_or_into_addresses(
    settings: Settings, provider: Provider
) -> None:
    async with visiting(settings) as browser:
        back = await depart(browser)
        assert CLIENT_SECRET not in back + str(provider.asked)
        assert "code_verifier" not in provider.asked[0]


async def test_an_answer_is_good_once_and_for_its_own_browser(settings: Settings) -> None:
    async with serving(settings) as portal, browsing(portal) as one, browsing(portal) as other:
        back = await depart(one)
        assert refused(await other.get(back)), "another browser began nothing"
        await depart(other)
        assert refused(await other.get(back)), "another browser began something else"
        assert location(await one.get(back)) == "/sessions"
        assert refused(await one.get(back)), "it was used"


async def test_a_forged_journey_leads_nowhere(settings: Settings) -> None:
    async with visiting(settings) as browser:
        back = await depart(browser)
        text, _, mark = browser.http.cookies["keydesk-journey"].partition(".")
        for forged in (f"{text[:-4]}AAA=.{mark}", f"{text}.", f"{text}.{mark[:-1]}", "x", "."):
            browser.http.cookies.clear()
            browser.http.cookies.set("keydesk-journey", forged, domain="127.0.0.1")
            assert refused(await browser.get(back)), forged


CHANGES = [
    ("state", "another"),
    ("state", ""),
    ("code", "made-up"),
    ("code", ""),
    ("iss", "https://another.example"),
]


async def test_an_answer_that_was_changed_is_refused(settings: Settings) -> None:
    async with serving(settings) as portal:
        for change in CHANGES:
            async with browsing(portal) as browser:
                path, _, query = (await depart(browser)).partition("?")
                changed = dict(httpx2.QueryParams(query)) | dict([change])
                assert refused(await browser.get(f"{path}?{httpx2.QueryParams(changed)}")), change


NOT_FOR_US: list[dict[str, Any]] = [
    {"iss": "https://another.example"},
    {"aud": "another-client"},
    {"aud": [CLIENT_ID, "another-client"]},
    {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
    {"azp": "another-client"},
    {"nonce": "another"},
    {"nonce": None},
    {"exp": 1},
    {"exp": None},
    {"iat": None},
    {"iat": int(datetime.now(UTC).timestamp()) + 3600},
    {"sub": None},
    {"sub": ""},
    {"sub": 7},
]


async def test_a_token_that_is_not_for_this_sign_in_is_refused(
    settings: Settings, provider: Provider
) -> None:
    async with serving(settings) as portal:
        for claims in NOT_FOR_US:
            provider.claims = claims
            async with browsing(portal) as browser:
                assert refused(await sign_in(browser)), claims


async def test_a_token_of_another_key_is_refused(settings: Settings, provider: Provider) -> None:
    async with visiting(settings) as browser:
        provider.signing_key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        assert refused(await sign_in(browser))


async def test_a_token_signed_by_a_shared_secret_is_refused(
    settings: Settings, provider: Provider
) -> None:
    async with visiting(settings) as browser:
        provider.signing_key = OctKey.import_key(CLIENT_SECRET, {"kid": "one"})
        provider.algorithm = "HS256"
        assert refused(await sign_in(browser))


async def test_a_new_key_of_the_provider_is_learnt(settings: Settings, provider: Provider) -> None:
    async with visiting(settings) as browser:
        assert (await sign_in(browser)).status_code == 303
        provider.key = provider.signing_key = RSAKey.generate_key(2048, {"kid": "two"})
        assert (await sign_in(browser)).status_code == 303


async def test_somebody_without_an_account_is_told_whom_to_ask(
    settings: Settings, provider: Provider
) -> None:
    provider.subject = "stranger@idp"
    async with visiting(settings) as browser:
        answer = await sign_in(browser)
    assert (answer.status_code, "Keydesk does not know you" in answer.text) == (403, True)
    assert "stranger" not in answer.text


LIES: list[dict[str, Any]] = [
    {"issuer": "https://another.example"},
    {"token_endpoint": "http://192.0.2.1/token"},
    {"jwks_uri": "file:///etc/passwd"},
    {"authorization_endpoint": None},
]


async def test_a_provider_that_describes_another_is_not_used(
    settings: Settings, provider: Provider
) -> None:
    async with visiting(settings) as browser:
        for provider.described in LIES:
            answer = await browser.get("/sign-in/provider")
            assert answer.status_code == 503, provider.described
            assert "does not answer" in answer.text


async def test_a_provider_that_is_away_is_waited_for(settings: Settings) -> None:
    away = f"http://127.0.0.1:{free_ports(1)[0]}"
    async with visiting(settings.model_copy(update={"oidc_issuer": away})) as browser:
        answer = await browser.get("/sign-in/provider")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


async def test_a_provider_in_the_clear_is_none(settings: Settings) -> None:
    clear = settings.model_copy(update={"oidc_issuer": "http://idp.example"})
    with pytest.raises(KeydeskError, match="https"):
        async with serving(clear):
            pass


async def test_there_is_no_development_sign_in_beside_it(settings: Settings) -> None:
    async with visiting(settings) as browser:
        answer = await browser.send("/sign-in/development", {"user_id": APPROVER})
    assert answer.status_code == 404


async def test_without_pages_for_people_nobody_is_sent_anywhere(settings: Settings) -> None:
    async with visiting(settings.model_copy(update={"oidc_client_id": None})) as browser:
        assert "Nobody can sign in at this address." in (await browser.get("/sign-in")).text
        assert (await browser.get("/sign-in/provider")).status_code == 404
        assert (await browser.get("/sign-in/return?code=x&state=y")).status_code == 404


async def test_roles_of_the_provider_are_brought_where_that_is_wanted(
    settings: Settings, provider: Provider, database: Database
) -> None:
    wanted = {"keydesk-approvers": Role.REFUND_APPROVER, "keydesk-ops": Role.OPERATOR}
    brought = settings.model_copy(update={"oidc_roles_claim": "groups", "oidc_roles": wanted})
    roles, audit = table(UserRoleRow), table(AuditRow)

    def held() -> set[str]:
        with database.reading() as connection:
            own = select(roles.c.role).where(roles.c.user_id == APPROVER)
            return set(connection.execute(own).scalars())

    provider.claims = {"groups": ["keydesk-ops", "keydesk-approvers", "staff"]}
    async with visiting(settings) as browser:
        await sign_in(browser)
    assert held() == {"refund_approver"}, "only the book gives roles unless we are told otherwise"

    async with visiting(brought) as browser:
        await sign_in(browser)
        assert held() == {"refund_approver", "operator"}
        provider.claims = {"groups": "keydesk-ops"}
        await sign_in(browser)
        assert held() == {"operator"}
        provider.claims = {}
        await sign_in(browser)
        assert held() == set()
        assert (await browser.get("/sessions")).status_code == 403
    with database.reading() as connection:
        changes = select(audit.c.details).where(audit.c.action == "user.roles_brought")
        told = list(connection.execute(changes.order_by(audit.c.id)).scalars())
    assert told == [
        {"added": ["operator"], "taken": []},
        {"added": [], "taken": ["refund_approver"]},
        {"added": [], "taken": ["operator"]},
    ]

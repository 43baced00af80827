"""The sign-in against Glewlwyd, a provider that others wrote: discovery, keys, code, PKCE, nonce, as it means them."""

import json
from pathlib import Path

import pytest
from joserfc.jwk import KeySet, RSAKey
from pydantic import SecretStr

from models.tables.column import table
from models.tables.principal import UserRow
from settings import AuthKind
from storage.engine import Database
from tests.factories import APPROVER
from tests.fixtures.browser import browsing, location
from tests.fixtures.glewlwyd import PROGRAM, glewlwyd
from tests.fixtures.openid import CLIENT_ID, CLIENT_SECRET
from tests.fixtures.portal import portal_settings, serving

PUBLIC = "http://127.0.0.1:8000"


@pytest.mark.skipif(not PROGRAM.exists(), reason="`make test-openid` installs Glewlwyd")
async def test_a_person_signs_in_with_it(
    database: Database, key_ring: SecretStr, tmp_path: Path
) -> None:
    jwks = tmp_path / "jwks.json"
    key = RSAKey.generate_key(2048, {"kid": "tokens"})
    jwks.write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    made = portal_settings(database.url, tmp_path, key_ring, "127.0.0.1:1")
    with glewlwyd(tmp_path) as provider:
        provider.set_up(CLIENT_ID, CLIENT_SECRET, f"{PUBLIC}/sign-in/return", key)
        settings = made.model_copy(
            update={
                "auth": AuthKind.OIDC,
                "oidc_issuer": provider.issuer,
                "oidc_jwks_file": jwks,
                "oidc_client_id": CLIENT_ID,
                "oidc_client_secret": SecretStr(CLIENT_SECRET),
            }
        )
        async with serving(settings) as portal, browsing(portal) as browser:

            async def sign_in() -> str:
                leaving = await browser.get("/sign-in/provider?next=/sessions")
                back = provider.sign_in(leaving.headers["Location"], CLIENT_ID)
                assert back.startswith(f"{PUBLIC}/sign-in/return?")
                return back.removeprefix(PUBLIC)

            stranger = await browser.get(await sign_in())
            assert stranger.status_code == 403, stranger.text
            assert "Keydesk does not know you" in stranger.text

            users = table(UserRow)
            with database.transaction() as connection:
                known = users.update().where(users.c.id == APPROVER)
                connection.execute(known.values(subject=provider.subject()))
            back = await sign_in()
            assert location(await browser.get(back)) == "/sessions"
            assert "Bob Beránek" in (await browser.get("/sessions")).text
            assert (await browser.get(back)).status_code == 401, "an answer is good once"

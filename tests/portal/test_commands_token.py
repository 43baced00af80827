"""`keydesk token`, as typed: just a token on standard output, for a role or a user, never in production."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from integrations.secret_files import ensure_secrets
from models.errors import Invalid, Refused
from models.principal import Role
from models.tables.column import table
from models.tables.principal import UserRow
from portal.cli import app
from portal.token import verify
from settings import load
from storage.engine import Database
from storage.principal import principal_of


@pytest.fixture
def installation(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(tmp_path))
    return database


def _token(*options: str) -> Result:
    return CliRunner().invoke(app, ["token", *options], catch_exceptions=False)


def _user(token: str) -> str:
    secret = ensure_secrets(load()).token_secret
    assert secret is not None
    return verify(secret, token, datetime.now(UTC))


def test_every_role_gets_a_token_by_either_spelling(installation: Database) -> None:
    for role in Role:
        for spelling in (role.value, role.replace("_", "-")):
            answer = _token("--as", spelling)
            assert answer.exit_code == 0
            with installation.reading() as connection:
                principal = principal_of(connection, _user(answer.stdout.removesuffix("\n")))
            assert principal is not None
            assert role in principal.roles


@pytest.mark.usefixtures("installation")
def test_a_user_gets_a_token_with_its_expiry() -> None:
    answer = json.loads(_token("--as", "usr_petra_admin", "--json").stdout)

    assert answer["user_id"] == _user(answer["token"]) == "usr_petra_admin"
    left = datetime.fromisoformat(answer["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)


def test_nobody_gets_no_token(installation: Database) -> None:
    users = table(UserRow)
    with installation.transaction() as connection:
        connection.execute(update(users).where(users.c.id == "usr_sam_sales").values(active=False))

    for who in ("usr_nobody", "emperor", "", "usr_sam_sales", "sales-agent"):
        with pytest.raises(Invalid) as refused:
            _token("--as", who)
        assert refused.value.code == "unknown_user"


@pytest.mark.usefixtures("installation")
def test_under_a_provider_keydesk_issues_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYDESK_AUTH", "oidc")

    with pytest.raises(Refused) as refused:
        _token("--as", "admin-agent")

    assert refused.value.code == "dev_tokens_refused"
    assert list(tmp_path.iterdir()) == []

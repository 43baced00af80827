"""`keydesk seed`, as typed: the demo world once, and a clear word where it cannot be."""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from demo.load import load as load_demo
from integrations.cipher.ring import make_ring
from integrations.signer import make_signing_ring
from models.errors import Refused, Unavailable
from models.stack import StackError, StackProblem
from portal.cli import app
from storage.embedded import EmbeddedPostgres
from storage.engine import Database
from storage.seed import KEYS_PER_SKU
from storage.stock import available_keys

DEMO = load_demo()


@pytest.fixture
def installation(
    empty_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Database:
    """An installation whose database is migrated and empty."""
    monkeypatch.setenv("KEYDESK_DATABASE_URL", empty_database.url)
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(tmp_path))
    return empty_database


def test_seed_fills_once(installation: Database, tmp_path: Path) -> None:
    first = CliRunner().invoke(app, ["seed", "--json"], catch_exceptions=False)
    second = CliRunner().invoke(app, ["seed", "--json"], catch_exceptions=False)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert json.loads(first.stdout)["product_keys"] == KEYS_PER_SKU * len(DEMO.products)
    assert set(json.loads(second.stdout).values()) == {0}
    with installation.reading() as connection:
        assert set(available_keys(connection).values()) == {KEYS_PER_SKU}
    shelved = {path.name for path in (tmp_path / "files").iterdir()}
    assert shelved == {build.sha256 for product in DEMO.products for build in product.files}


@pytest.mark.usefixtures("installation")
def test_seed_shows_a_table_and_no_key() -> None:
    answer = CliRunner().invoke(app, ["seed"], catch_exceptions=False)

    assert answer.exit_code == 0
    assert "product keys" in answer.output
    assert str(KEYS_PER_SKU * len(DEMO.products)) in answer.output
    assert "DEMO0" not in answer.output


@pytest.mark.usefixtures("installation")
def test_production_takes_no_demo_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYDESK_MODE", "production")
    monkeypatch.setenv("KEYDESK_AUTH", "oidc")
    monkeypatch.setenv("KEYDESK_KEY_RING", SecretStr(make_ring()).get_secret_value())
    monkeypatch.setenv("KEYDESK_REVOCATION_RING", make_signing_ring())
    monkeypatch.setenv("KEYDESK_EVENT_SECRETS", "{}")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example:7233")

    with pytest.raises(Refused) as refused:
        CliRunner().invoke(app, ["seed"], catch_exceptions=False)

    assert refused.value.code == "demo_data_refused"


def test_without_a_running_stack_the_command_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEYDESK_DATABASE_URL", raising=False)
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(tmp_path))

    with pytest.raises(StackError) as refused:
        CliRunner().invoke(app, ["seed"], catch_exceptions=False)

    assert refused.value.problem is StackProblem.NOT_RUNNING


def test_a_database_that_is_away_is_named_without_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", "postgresql+psycopg://hunter2@127.0.0.1:1/keydesk")
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(tmp_path))

    with pytest.raises(Unavailable) as refused:
        CliRunner().invoke(app, ["seed"], catch_exceptions=False)

    assert refused.value.code == "database_away"
    assert "hunter2" not in str(refused.value)


def test_a_database_without_the_schema_is_sent_to_migrate(
    postgres: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", postgres.url("postgres"))
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(tmp_path))

    with pytest.raises(StackError) as refused:
        CliRunner().invoke(app, ["seed"], catch_exceptions=False)

    assert "keydesk migrate" in refused.value.hint

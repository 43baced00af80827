"""The secrets of an installation: made once in development, never in production, shared by all processes."""

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from demo.load import load as load_demo
from integrations.cipher.ring import RingCipher, make_ring
from integrations.secret_files import DEMO_SOURCES, Secrets, ensure_secrets
from integrations.signer import make_signing_ring
from models.errors import KeydeskError
from settings import AuthKind, Mode, Settings

EVENT_SECRET = "whsec_" + base64.b64encode(b"e" * 24).decode()
EVENT_SECRETS = json.dumps({"portal": [EVENT_SECRET]})


def _settings(data_dir: Path, **given: Any) -> Settings:
    return Settings(data_dir=data_dir, **given)


def _production(data_dir: Path, **given: Any) -> Settings:
    needed = {
        "mode": Mode.PRODUCTION,
        "auth": AuthKind.OIDC,
        "database_url": "postgresql+psycopg://nowhere/keydesk",
        "TEMPORAL_ADDRESS": "temporal.example:7233",
        "key_ring": SecretStr(make_ring()),
        "revocation_ring": SecretStr(make_signing_ring()),
        "event_secrets": SecretStr(EVENT_SECRETS),
    }
    return _settings(data_dir, **needed | given)


def _plain(secrets: Secrets) -> tuple[object, ...]:
    events = {s: [e.get_secret_value() for e in es] for s, es in secrets.event_secrets.items()}
    token = secrets.token_secret
    rings = (secrets.key_ring.get_secret_value(), secrets.revocation_ring.get_secret_value())
    return *rings, token and token.get_secret_value(), events


def test_development_makes_its_secrets_once(tmp_path: Path) -> None:
    first = ensure_secrets(_settings(tmp_path))
    second = ensure_secrets(_settings(tmp_path))

    assert _plain(first) == _plain(second)
    assert RingCipher(first.key_ring).fingerprint("x") == RingCipher(second.key_ring).fingerprint(
        "x"
    )
    assert set(first.event_secrets) == set(DEMO_SOURCES)


def test_two_installations_share_nothing(tmp_path: Path) -> None:
    one = _plain(ensure_secrets(_settings(tmp_path / "1")))
    other = _plain(ensure_secrets(_settings(tmp_path / "2")))

    assert all(a != b for a, b in zip(one, other, strict=True))


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    ensure_secrets(_settings(tmp_path))
    directory = tmp_path / "secrets"

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {p.name: stat.S_IMODE(p.stat().st_mode) for p in directory.iterdir()} == {
        "key-ring.json": 0o600,
        "revocation-ring.json": 0o600,
        "token-secret": 0o600,
        "event-secrets.json": 0o600,
    }


def test_processes_that_start_at_once_end_with_the_same_secrets(tmp_path: Path) -> None:
    for attempt in range(20):
        place = tmp_path / str(attempt)
        with ThreadPoolExecutor(8) as pool:
            made = [pool.submit(ensure_secrets, _settings(place)) for _ in range(8)]
            plain = [_plain(running.result()) for running in made]

        assert all(secrets == plain[0] for secrets in plain)


def test_what_is_configured_is_used_and_the_rest_is_made(tmp_path: Path) -> None:
    ring = make_ring()

    secrets = ensure_secrets(
        _settings(tmp_path, key_ring=SecretStr(ring), event_secrets=SecretStr(EVENT_SECRETS))
    )

    assert secrets.key_ring.get_secret_value() == ring
    assert set(secrets.event_secrets) == {"portal"}
    made = sorted(path.name for path in (tmp_path / "secrets").iterdir())
    assert made == ["revocation-ring.json", "token-secret"]


def test_production_makes_nothing(tmp_path: Path) -> None:
    secrets = ensure_secrets(_production(tmp_path))

    assert secrets.token_secret is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["key_ring", "revocation_ring", "event_secrets"])
def test_production_without_a_secret_does_not_start(tmp_path: Path, missing: str) -> None:
    with pytest.raises(ValueError, match=f"KEYDESK_{missing.upper()}"):
        _production(tmp_path, **{missing: None})


@pytest.mark.parametrize(
    "bad",
    [
        "hunter2",
        "[]",
        '{"portal": []}',
        '{"portal": "hunter2"}',
        '{"portal": ["hunter2hunter2hunter2hunter2"]}',
        '{"portal": ["whsec_"]}',
        '{"portal": ["whsec_!!!!"]}',
        json.dumps({"portal": ["whsec_" + base64.b64encode(b"hunter2").decode()]}),
        json.dumps({"portal": ["whsec_" + base64.b64encode(b"hunter2" * 10).decode()]}),
    ],
)
def test_bad_event_secrets_are_refused_without_being_repeated(tmp_path: Path, bad: str) -> None:
    with pytest.raises(KeydeskError) as refused:
        ensure_secrets(_settings(tmp_path, event_secrets=SecretStr(bad)))

    assert refused.value.code == "event_secrets_invalid"
    assert "hunter2" not in refused.value.message


def test_a_short_token_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeydeskError) as refused:
        ensure_secrets(_settings(tmp_path, token_secret=SecretStr("hunter2")))

    assert refused.value.code == "token_secret_weak"
    assert "hunter2" not in refused.value.message


def test_the_demo_sources_are_those_of_the_demo_data() -> None:
    assert set(DEMO_SOURCES) == {source.name for source in load_demo().event_sources}

"""The environment of docker-compose.yml, given to the real commands: they migrate, serve, and know no dev sign-in."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import pytest

from portal.supervised import KEYDESK
from processes.ports import free_ports
from processes.waiting import wait_until
from storage.embedded import EmbeddedPostgres
from tests.architecture.production import (
    environment_of,
    make_login_keys,
    make_secrets,
    outer_environment,
)


@pytest.fixture
def place() -> Iterator[Path]:
    with TemporaryDirectory(prefix="keydesk-") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


@pytest.fixture
def database_url(place: Path) -> Iterator[str]:
    server = EmbeddedPostgres(place / "postgres", durable=False)
    server.start()
    server.create_database()
    yield server.url()
    server.stop()


@pytest.fixture
def environment(place: Path, database_url: str) -> dict[str, str]:
    """What the portal's container gets, with the addresses of this machine; its Temporal is away."""
    secrets = make_secrets(place / "secrets")
    (secrets / "database_url").unlink()
    (secrets / "database_url").write_text(database_url)
    make_login_keys(place / "jwks.json")
    return environment_of("portal", secrets) | {
        "KEYDESK_DATA_DIR": str(place),
        "KEYDESK_HOST": "127.0.0.1",
        "KEYDESK_PORT": str(free_ports(1)[0]),
        "KEYDESK_OIDC_JWKS_FILE": str(place / "jwks.json"),
        "TEMPORAL_ADDRESS": f"127.0.0.1:{free_ports(1)[0]}",
    }


def keydesk(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*KEYDESK, *arguments],
        env=outer_environment() | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_portal_serves_and_refuses_every_convenience(environment: dict[str, str]) -> None:
    migrated = keydesk("migrate", environment=environment)
    assert migrated.returncode == 0, migrated.stderr
    for convenience in (["seed"], ["token", "--as", "admin-agent"]):
        refused = keydesk(*convenience, environment=environment)
        assert refused.returncode == 1, refused.stdout
        assert "Traceback" not in refused.stderr

    portal = subprocess.Popen([*KEYDESK, "portal"], env=outer_environment() | environment)
    try:
        url = f"http://127.0.0.1:{environment['KEYDESK_PORT']}"
        assert wait_until(lambda: ready(url), 30), "the portal does not get ready"
        assert httpx2.get(f"{url}/api/v1/customers").status_code == 401
    finally:
        portal.terminate()
        portal.wait(15)


def ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz").json().get("status") == "degraded"
    except httpx2.HTTPError:
        return False

"""docker-compose.yml is valid, pinned and closed, and names only commands, settings and attributes that exist."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main
from pydantic import ValidationError

from integrations.cipher.ring import RingCipher
from integrations.secret_files import ensure_secrets
from portal.cli import app
from settings import _SECRETS, Mode, Settings, issuer_of
from tests.architecture.production import (
    COMPOSE,
    COMPOSE_FILE,
    ROOT,
    SERVICES,
    environment_of,
    make_secrets,
)
from workflows.search_attributes import SEARCH_ATTRIBUTES

OURS = {name: service for name, service in SERVICES.items() if "build" in service}
ONE_SHOT = {"temporal-schema", "temporal-namespace", "migrate"}


def setting_names() -> set[str]:
    fields = Settings.model_fields
    names = {
        str(field.validation_alias or f"KEYDESK_{name.upper()}") for name, field in fields.items()
    }
    return names | {f"KEYDESK_{name.upper()}_FILE" for name in _SECRETS}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    return make_secrets(tmp_path)


def test_it_keeps_to_the_compose_specification() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    schema = ["--builtin-schema", "vendor.compose-spec"]
    result = subprocess.run([checker, *schema, COMPOSE_FILE], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_it_holds_every_part_of_the_production_shape() -> None:
    assert set(SERVICES) == {
        *("postgres", "temporal-schema", "temporal", "temporal-namespace", "temporal-ui"),
        *("migrate", "worker", "portal", "mail"),
    }
    assert set(OURS) == {"migrate", "worker", "portal"}
    assert "container_name" not in SERVICES["worker"], "a named container cannot be scaled"


def test_every_command_exists() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    used = {service["command"][0] for service in OURS.values()}
    assert used == {"migrate", "worker", "portal"}
    assert used <= set(commands)
    assert 'ENTRYPOINT ["keydesk"]' in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_setting_exists(name: str) -> None:
    assert set(SERVICES[name]["environment"]) <= setting_names()


@pytest.mark.parametrize("name", sorted(OURS))
def test_production_accepts_what_it_sets_and_nothing_less(
    name: str, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in list(os.environ):
        if key.startswith(("KEYDESK_", "TEMPORAL_")):
            monkeypatch.delenv(key)
    environment = environment_of(name, secrets)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    settings = Settings()
    assert settings.mode is Mode.PRODUCTION
    RingCipher(ensure_secrets(settings).key_ring)
    assert issuer_of(settings).name != Settings.model_fields["issuer_name"].default

    needs = ("KEY_RING_FILE", "REVOCATION_RING_FILE", "EVENT_SECRETS_FILE", "AUTH")
    for needed in (f"KEYDESK_{name}" for name in needs):
        with monkeypatch.context() as without:
            without.delenv(needed)
            with pytest.raises(ValidationError, match="production"):
                Settings()


def test_secrets_are_files_and_every_one_used_is_made(secrets: Path) -> None:
    made = {path.name for path in secrets.iterdir()}
    assert set(COMPOSE["secrets"]) == made
    for service in SERVICES.values():
        assert set(service.get("secrets", [])) <= made
        for key in service.get("environment", {}):
            assert not re.search(r"PASSWORD$|_PWD$|SECRETS?$|_RING$|DATABASE_URL$", key), key


def test_making_secrets_again_keeps_what_stands(secrets: Path) -> None:
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    make_secrets(secrets)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before


def test_search_attributes_are_those_the_workflows_set() -> None:
    script = (ROOT / "deploy/temporal-namespace.sh").read_text()
    assert dict(re.findall(r"^attribute (\w+) (\w+)$", script, re.MULTILINE)) == SEARCH_ATTRIBUTES


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_are_pinned_to_a_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w.]+)?", image), image
    assert "auto-setup" not in image


def test_the_base_image_is_pinned_to_a_version() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert bases
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-[\w-]+", base) for base in bases)


def test_only_the_portal_and_the_temporal_ui_are_published() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {
        "portal",
        "temporal-ui",
    }
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == SERVICES["temporal"]["networks"] == ["inside"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_everything_waits_for_what_it_needs(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        if needed in ONE_SHOT:
            assert how["condition"] == "service_completed_successfully"
        else:
            assert how["condition"] == "service_healthy"
            assert "healthcheck" in SERVICES[needed]
    assert name in ONE_SHOT or "healthcheck" in SERVICES[name]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_mounted_file_exists(name: str) -> None:
    assert {config["source"] for config in SERVICES[name].get("configs", [])} <= set(
        COMPOSE["configs"]
    )
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).is_file()
        else:
            assert source in COMPOSE["volumes"]


def test_the_image_holds_every_room_and_no_tests() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = {
        room.rstrip("*") for room in project["tool"]["setuptools"]["packages"]["find"]["include"]
    }
    modules = {f"{module}.py" for module in project["tool"]["setuptools"]["py-modules"]}
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert kept == (rooms - {"benchmarks"}) | modules | {
        *("pyproject.toml", "requirements.in", "requirements.txt"),
    }

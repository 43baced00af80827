"""docker-compose.yml as the tests read it: its services, and the environment each would get."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml
from joserfc.jwk import KeySet, RSAKey

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def make_secrets(directory: Path) -> Path:
    subprocess.run([ROOT / "deploy/make-secrets.sh", directory], check=True, capture_output=True)
    return directory


def make_login_keys(file: Path) -> None:
    key = RSAKey.generate_key(2048, {"kid": "one"}, private=False)
    file.write_text(json.dumps(KeySet([key]).as_dict(private=False)))


def environment_of(name: str, secrets: Path) -> dict[str, str]:
    """What Compose would set where the machine sets nothing else, its secrets read from a directory."""
    values = {key: _interpolated(value) for key, value in SERVICES[name]["environment"].items()}
    return {key: value.replace("/run/secrets", str(secrets)) for key, value in values.items()}


def outer_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("KEYDESK_", "TEMPORAL_"))}


def _interpolated(value: object) -> str:
    return re.sub(r"\$\{\w+:[-?]([^}]*)\}", r"\1", str(value))

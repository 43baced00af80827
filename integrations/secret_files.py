"""The secrets of one installation: as configured, or made once by a development one in its data directory."""

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, TypeAdapter, ValidationError

from integrations.cipher.ring import make_ring
from integrations.signer import make_signing_ring
from models.base import Value
from models.errors import KeydeskError
from models.stack import StackError, StackProblem
from settings import Mode, Settings

DEMO_SOURCES = ("partner-one-portal", "house-portal")
"""The senders of events that the demo data register."""

_EVENT_SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that Standard Webhooks gives to secrets
_EVENT_SECRET_BYTES = range(24, 65)
_TOKEN_SECRET_CHARACTERS_MIN = 32


def _strong(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text.startswith(_EVENT_SECRET_PREFIX):
        raise ValueError(f"must begin with {_EVENT_SECRET_PREFIX}")
    key = base64.b64decode(text.removeprefix(_EVENT_SECRET_PREFIX), validate=True)
    if len(key) not in _EVENT_SECRET_BYTES:
        raise ValueError("must be 24 to 64 bytes in base64")
    return secret


EventSecret = Annotated[SecretStr, AfterValidator(_strong)]
EventSecrets = dict[str, Annotated[tuple[EventSecret, ...], Field(min_length=1)]]


class Secrets(Value):
    """What signs, seals and verifies; `token_secret` is None where development tokens are refused."""

    key_ring: SecretStr
    revocation_ring: SecretStr
    token_secret: SecretStr | None
    event_secrets: EventSecrets = Field(description="Each source with the secrets it may sign by.")


def ensure_secrets(settings: Settings) -> Secrets:
    """The configured secrets; a development installation makes what is missing, once, for all its processes."""
    directory = settings.data_dir / "secrets" if settings.mode is Mode.DEVELOPMENT else None
    key_ring = settings.key_ring or _once(directory, "key-ring.json", make_ring)
    revocation_ring = settings.revocation_ring or _once(
        directory, "revocation-ring.json", make_signing_ring
    )
    token_secret = settings.token_secret or _once(directory, "token-secret", _new_token_secret)
    event_secrets = settings.event_secrets or _once(
        directory, "event-secrets.json", _new_event_secrets
    )
    # Settings without them are refused in production.
    assert key_ring is not None
    assert revocation_ring is not None
    assert event_secrets is not None
    return Secrets(
        key_ring=key_ring,
        revocation_ring=revocation_ring,
        token_secret=_long_enough(token_secret),
        event_secrets=_parse(event_secrets),
    )


def _once(directory: Path | None, file_name: str, make: Callable[[], str]) -> SecretStr | None:
    """The content of a file that only its owner can read; whichever process is first makes it for all."""
    if directory is None:
        return None
    path = directory / file_name
    try:
        if not path.exists():
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _publish(path, make())
        return SecretStr(path.read_text(encoding="utf-8").strip())
    except PermissionError:
        raise StackError(
            StackProblem.FOREIGN_DATA,
            f"The secrets in {directory} belong to another account of this machine.",
            "Run as the user who started Keydesk here, or set KEYDESK_DATA_DIR.",
        ) from None


def _publish(path: Path, text: str) -> None:
    """Write beside the place and link it in: the name appears with the whole content, and only once."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    written = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        path.hardlink_to(written)
    except FileExistsError:
        # Another process was first; its secret is the secret.
        return
    finally:
        written.unlink(missing_ok=True)


def _new_token_secret() -> str:
    return secrets.token_urlsafe(48)


def _new_event_secrets() -> str:
    return json.dumps({source: [_new_event_secret()] for source in DEMO_SOURCES}, indent=2)


def _new_event_secret() -> str:
    return _EVENT_SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def _long_enough(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and len(secret.get_secret_value()) < _TOKEN_SECRET_CHARACTERS_MIN:
        raise KeydeskError(
            "token_secret_weak",
            f"KEYDESK_TOKEN_SECRET needs {_TOKEN_SECRET_CHARACTERS_MIN} characters or more.",
        )
    return secret


def _parse(event_secrets: SecretStr) -> EventSecrets:
    try:
        return TypeAdapter(EventSecrets).validate_json(event_secrets.get_secret_value())
    except ValidationError:
        # Cut off, since what pydantic saw is secret.
        raise KeydeskError(
            "event_secrets_invalid",
            "The event secrets are malformed. They are JSON: each source with a list of secrets,"
            ' {"portal": ["whsec_<24 to 64 bytes in base64>"]}.',
        ) from None

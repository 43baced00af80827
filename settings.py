"""The only reader of the environment: every KEYDESK_* and TEMPORAL_* setting, with secrets from files."""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.attachment import LARGEST_BYTES
from models.pattern import PatternThresholds
from models.principal import Role
from models.statement import Issuer

_SECRETS = (
    "token_secret",
    "oidc_client_secret",
    "key_ring",
    "revocation_ring",
    "event_secrets",
    "smtp_password",
    "database_url",
    "files_access_key_id",
    "files_secret_access_key",
    "rt_token",
)


class Mode(StrEnum):
    """Production refuses every convenience of development: dev sign-in, generated secrets, embedded servers."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class AuthKind(StrEnum):
    """How a bearer token is checked."""

    DEV = "dev"
    OIDC = "oidc"


class RunningStack(BaseModel):
    """What `keydesk up` writes to `<data dir>/run.json` so that other commands find the embedded servers."""

    database_url: str
    temporal_address: str
    temporal_ui_url: str
    portal_url: str
    data_dir: Path
    supervisor_pid: int


class Settings(BaseSettings):
    """Settings of one process; `load()` is how every entry point gets them.

    A secret NAME may be given as KEYDESK_NAME or as KEYDESK_NAME_FILE, a path whose content is used.
    """

    model_config = SettingsConfigDict(env_prefix="KEYDESK_", extra="ignore", frozen=True)

    mode: Mode = Mode.DEVELOPMENT
    data_dir: Path = Path(".keydesk")
    database_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    auth: AuthKind = AuthKind.DEV
    oidc_issuer: str | None = None
    oidc_audience: str = "keydesk"
    oidc_jwks_file: Path | None = None
    oidc_client_id: str | None = Field(
        default=None,
        description="What the provider knows the pages by; left out, none are signed in.",
    )
    oidc_client_secret: SecretStr | None = None
    oidc_scope: str = "openid"
    oidc_roles_claim: str | None = Field(
        default=None, description="Brings roles at sign-in; left out, only the book gives roles."
    )
    oidc_roles: dict[str, Role] = Field(
        default={}, description="JSON: what the claim calls a role, and which role that is here."
    )
    session_idle_minutes: int = Field(
        default=30, ge=1, le=1440, description="A browser that nobody uses is signed out."
    )
    session_hours: int = Field(
        default=12, ge=1, le=24, description="A session ends then, however busy it is."
    )
    token_secret: SecretStr | None = None
    key_ring: SecretStr | None = None
    revocation_ring: SecretStr | None = None
    event_secrets: SecretStr | None = None
    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_starttls: bool = True
    mail_from: str = "Keydesk <keydesk@localhost>"
    files_url: str | None = Field(
        default=None, description="`s3://<bucket>/<prefix>`; left out, files lie in the data dir."
    )
    files_endpoint: str | None = None
    files_region: str = "us-east-1"
    files_access_key_id: SecretStr | None = None
    files_secret_access_key: SecretStr | None = None
    attachment_bytes: int = Field(
        default=10 * 1024 * 1024,
        ge=1,
        le=LARGEST_BYTES,
        description="How large one attachment of a ticket may be.",
    )
    public_url: str | None = None
    rt_url: str | None = Field(
        default=None,
        description="Request Tracker as a second ticket desk; left out, ours is the only one.",
    )
    rt_token: SecretStr | None = None
    rt_queue: str = Field(default="Keydesk", pattern=r"^[^'\"\\]+$")
    rt_user: str = Field(
        default="keydesk",
        pattern=r"^[^'\"\\]+$",
        description="Whose token it is, as RT calls them.",
    )
    temporal_port: int = 7233
    temporal_ui_port: int = 8233
    temporal_ui_url: str | None = None
    task_queue: str = "keydesk"
    log_level: str = "INFO"
    reveals_per_user_hourly: int = Field(default=10, ge=1)
    reveals_per_partner_daily: int = Field(default=100, ge=1)
    low_stock: int = Field(
        default=5, ge=0, description="Operators are told when fewer keys of a SKU are left."
    )
    pattern: PatternThresholds = Field(
        default=PatternThresholds(),
        description="From which numbers on a brief says that a history is worth a look; JSON.",
    )
    issuer_name: str = "Keydesk"
    issuer_address: str | None = None
    issuer_registration: str | None = None
    crash_at: str | None = Field(
        default=None,
        description="Kills this process at a step, `<step>:before` or `<step>:after`; tests only.",
    )
    temporal_address: str | None = Field(default=None, validation_alias="TEMPORAL_ADDRESS")
    temporal_namespace: str = Field(default="default", validation_alias="TEMPORAL_NAMESPACE")

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in _SECRETS:
            path = os.environ.get(f"KEYDESK_{name.upper()}_FILE")
            if path and not values.get(name):
                values[name] = Path(path).read_text(encoding="utf-8").strip()
        return values

    @model_validator(mode="after")
    def _production_refuses_conveniences(self) -> Self:
        if self.mode is Mode.DEVELOPMENT:
            return self
        missing = [
            name
            for name in (
                "database_url",
                "temporal_address",
                "key_ring",
                "revocation_ring",
                "event_secrets",
            )
            if getattr(self, name) is None
        ]
        if missing:
            names = ", ".join(
                f"KEYDESK_{n.upper()}" if n != "temporal_address" else "TEMPORAL_ADDRESS"
                for n in missing
            )
            raise ValueError(f"production needs {names}")
        if self.auth is AuthKind.DEV:
            raise ValueError("production refuses KEYDESK_AUTH=dev; set KEYDESK_AUTH=oidc")
        if self.crash_at is not None:
            raise ValueError("production refuses KEYDESK_CRASH_AT")
        return self

    @property
    def embedded(self) -> bool:
        """True when `keydesk up` has to start PostgreSQL itself."""
        return self.database_url is None

    @property
    def run_file(self) -> Path:
        """Where the addresses of the running embedded stack stand."""
        return self.data_dir / "run.json"

    def running_stack(self) -> RunningStack | None:
        """The embedded stack started by `keydesk up` on this data directory, if one runs."""
        if not self.run_file.exists():
            return None
        text = self.run_file.read_text(encoding="utf-8")
        stack = RunningStack.model_validate(json.loads(text))
        return stack if _runs(stack.supervisor_pid) else None


def issuer_of(settings: Settings) -> Issuer:
    """The house as statements and credit notes name it."""
    return Issuer(
        name=settings.issuer_name,
        address=settings.issuer_address,
        registration=settings.issuer_registration,
    )


def _runs(pid: int) -> bool:
    """A supervisor that was killed leaves its file behind; what it points at is gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def load() -> Settings:
    """Read the environment, and fill addresses from the running embedded stack where none is set."""
    settings = Settings()
    if settings.database_url and settings.temporal_address:
        return settings
    stack = settings.running_stack()
    if stack is None:
        return settings
    return settings.model_copy(
        update={
            "database_url": settings.database_url or stack.database_url,
            "temporal_address": settings.temporal_address or stack.temporal_address,
            "temporal_ui_url": settings.temporal_ui_url or stack.temporal_ui_url,
        }
    )

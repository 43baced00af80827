"""Standard Webhooks signatures on what portals send us: is it theirs, and is it fresh."""

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from standardwebhooks import Webhook

from models.errors import Unauthenticated

TOLERANCE = timedelta(minutes=5)
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

_TIMESTAMP = re.compile(r"[0-9]{1,11}")
_SIGNATURES_MAX = 10
_NOBODY = SecretStr("whsec_" + "A" * 43 + "=")
"""Stands in for the secret of a source nobody knows, so that its events take as long to refuse."""


class SignatureRefused(Unauthenticated):
    """Not signed by the source it names, or not just now."""


def invalid() -> SignatureRefused:
    """One answer for every flaw, so that a forger learns nothing from it."""
    return SignatureRefused(
        "signature_invalid", "The event is not signed, or not by a secret of its source."
    )


def require_signed(headers: Mapping[str, str]) -> None:
    """Refuse what carries no signature at all, before anything in it is read."""
    if not all(headers.get(name) for name in HEADERS):
        raise invalid()


def verify(
    secrets: tuple[SecretStr, ...], headers: Mapping[str, str], raw: bytes, now: datetime
) -> None:
    """Refuse unless one of the source's secrets made one of the signatures, at most five minutes ago."""
    require_signed(headers)
    if not _TIMESTAMP.fullmatch(headers["webhook-timestamp"]):
        raise invalid()
    signed_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    given = headers["webhook-signature"].split(" ")[:_SIGNATURES_MAX]
    expected = [_sign(secret, headers["webhook-id"], signed_at, raw) for secret in secrets]
    if not expected:
        _sign(_NOBODY, headers["webhook-id"], signed_at, raw)
    # Every pair is compared, so that the time taken does not tell which secret came close.
    matches = [hmac.compare_digest(e, g.encode()) for e in expected for g in given]
    if not any(matches):
        raise invalid()
    if abs(now - signed_at) > TOLERANCE:
        raise SignatureRefused(
            "signature_stale", "The signature is more than five minutes off our clock."
        )


def _sign(secret: SecretStr, message_id: str, signed_at: datetime, raw: bytes) -> bytes:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise invalid() from None
    return Webhook(secret.get_secret_value()).sign(message_id, signed_at, text).encode()

"""What goes with a delivery: the headers of Standard Webhooks, signed by every secret that is valid."""

import base64
import secrets
from collections.abc import Iterable
from datetime import datetime

from standardwebhooks import Webhook

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
USER_AGENT = "Keydesk-Webhooks/1"

_SECRET_BYTES = 32


def new_secret() -> str:
    """A secret in the form that libraries for Standard Webhooks take."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")


def signed_headers(
    event_id: str, body: bytes, signed_at: datetime, signers: Iterable[str]
) -> dict[str, str]:
    """The same id at every attempt, so that a receiver knows a repeat; a signature for each secret."""
    text = body.decode()
    signatures = [Webhook(secret).sign(event_id, signed_at, text) for secret in signers]
    return {
        "Content-Type": CONTENT_TYPE,
        "User-Agent": USER_AGENT,
        "webhook-id": event_id,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }

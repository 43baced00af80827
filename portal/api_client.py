"""The public API as an integrator calls it: tokens, Idempotency-Keys, signed events; the unexpected is an error."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx2
from pydantic import SecretStr
from standardwebhooks import Webhook

from models.errors import KeydeskError
from models.event import EventType

_TIMEOUT_S = 20.0


class ApiFailed(KeydeskError):
    """The API answered something else than it must, or nothing."""

    def __init__(self, message: str) -> None:
        super().__init__("demo_failed", message)


class Api:
    """One portal; the paths are those under /api/v1."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx2.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def get(self, path: str, token: SecretStr, **query: str) -> Any:
        """Read something that must be there."""
        answer = self._call("GET", f"/api/v1{path}", headers=_bearer(token), params=query)
        return _expect(answer, 200).json()

    def read(self, path: str, token: SecretStr, **query: str) -> bytes:
        """Read a document that must be there."""
        answer = self._call("GET", f"/api/v1{path}", headers=_bearer(token), params=query)
        return _expect(answer, 200).content

    def post(self, path: str, token: SecretStr, body: Any) -> Any:
        """Do something that must succeed."""
        return _expect(self._post(path, token, body), 200, 201).json()

    def refused(self, path: str, token: SecretStr, body: Any) -> str:
        """Try something that must be refused; the problem's code."""
        return str(_expect(self._post(path, token, body), 403, 409).json()["code"])

    def send_event(self, source: str, secret: SecretStr, kind: EventType, data: Any) -> Any:
        """Send a CloudEvent signed as Standard Webhooks says."""
        event_id, now = f"demo-{uuid.uuid4()}", datetime.now(UTC)
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": source,
            "type": kind,
            "time": now.isoformat(),
            "datacontenttype": "application/json",
            "data": data,
        }
        body = json.dumps(event)
        headers = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret.get_secret_value()).sign(event_id, now, body),
        }
        answer = self._call("POST", "/events", content=body, headers=headers)
        return _expect(answer, 202).json()

    def fetch(self, url: str) -> httpx2.Response:
        """Open a download link as whoever was sent it would: without a token."""
        return self._call("GET", url)

    def _post(self, path: str, token: SecretStr, body: Any) -> httpx2.Response:
        headers = _bearer(token) | {"Idempotency-Key": str(uuid.uuid4())}
        return self._call("POST", f"/api/v1{path}", headers=headers, json=body)

    def _call(self, method: str, url: str, **options: Any) -> httpx2.Response:
        try:
            return self._http.request(method, url, **options)
        except httpx2.HTTPError as error:
            # The address of the call itself is left out: it may be a download link.
            reason = type(error).__name__
            raise ApiFailed(f"The portal at {self._url} does not answer: {reason}.") from None


def _expect(answer: httpx2.Response, *statuses: int) -> httpx2.Response:
    if answer.status_code in statuses:
        return answer
    where = f"{answer.request.method} {answer.request.url.path}"
    raise ApiFailed(f"{where} answered {answer.status_code}{_reason(answer)}.")


def _reason(answer: httpx2.Response) -> str:
    """The problem's own words; of anything else nothing, since it may hold a key."""
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        problem = answer.json()
        return f", {problem['code']}: {problem['detail']}"
    return ""


def _bearer(token: SecretStr) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.get_secret_value()}"}

"""The public API as an integrator calls it: tokens, Idempotency-Keys, signed events; the unexpected is an error."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any, NoReturn

import httpx2
from pydantic import SecretStr
from standardwebhooks import Webhook

from models.errors import KeydeskError
from models.event import EventType

_TIMEOUT_S = 20.0


class ApiFailed(KeydeskError):
    """The API answered something else than it must."""

    def __init__(self, message: str) -> None:
        super().__init__("demo_failed", message)


class Api:
    """The public API as an integrator calls it; what is not expected ends the story."""

    def __init__(self, url: str) -> None:
        self._http = httpx2.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def get(self, path: str, token: SecretStr, **query: str) -> Any:
        """Read something that must be there."""
        answer = self._http.get(f"/api/v1{path}", headers=_bearer(token), params=query)
        return _json(answer, 200)

    def post(self, path: str, token: SecretStr, body: Any) -> Any:
        """Do something that must succeed."""
        answer = self._post(path, token, body)
        return _json(answer, answer.status_code if answer.status_code in (200, 201, 202) else 201)

    def refused(self, path: str, token: SecretStr, body: Any) -> str:
        """Try something that must be refused; the problem's code."""
        answer = self._post(path, token, body)
        if answer.status_code not in (403, 409):
            raise ApiFailed(f"POST {path} should be refused, but answered {answer.status_code}.")
        return str(answer.json()["code"])

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
        signature = Webhook(secret.get_secret_value()).sign(event_id, now, body)
        headers = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        return _json(self._http.post("/events", content=body, headers=headers), 202)

    def fetch(self, url: str) -> httpx2.Response:
        """Open a download link as whoever was sent it would: without a token."""
        return self._http.get(url)

    def _post(self, path: str, token: SecretStr, body: Any) -> httpx2.Response:
        headers = _bearer(token) | {"Idempotency-Key": str(uuid.uuid4())}
        return self._http.post(f"/api/v1{path}", headers=headers, json=body)


def _json(answer: httpx2.Response, expected: int) -> Any:
    if answer.status_code != expected:
        _complain(answer)
    return answer.json()


def _complain(answer: httpx2.Response) -> NoReturn:
    problem = answer.text[:300]
    where = f"{answer.request.method} {answer.request.url.path}"
    raise ApiFailed(f"{where} answered {answer.status_code}: {problem}")


def _bearer(token: SecretStr) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.get_secret_value()}"}

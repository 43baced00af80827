"""The house as it stands in production: portal and worker as processes of their own, reached over HTTP."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pydantic import SecretStr

from benchmarks.place import Place
from portal.supervised import portal_process, worker_process
from portal.token import issue
from processes.child import inherited_environment
from processes.ports import free_ports


class House:
    """Where the portal answers, and tokens for it."""

    def __init__(self, url: str, token_secret: SecretStr) -> None:
        self.url = url
        self._token_secret = token_secret

    def token(self, user_id: str) -> SecretStr:
        """A development token of a demo user."""
        return SecretStr(issue(self._token_secret, user_id, datetime.now(UTC)))


@contextmanager
def open_house(place: Place) -> Iterator[House]:
    """Portal and worker on the servers of this place, stopped afterwards."""
    port = free_ports(1)[0]
    token_secret = SecretStr(secrets.token_urlsafe(48))
    environment = inherited_environment(
        {
            "KEYDESK_DATA_DIR": str(place.data_dir),
            "KEYDESK_DATABASE_URL": place.database_url,
            "KEYDESK_PORT": str(port),
            "KEYDESK_TOKEN_SECRET": token_secret.get_secret_value(),
            "KEYDESK_LOG_LEVEL": "WARNING",
            "TEMPORAL_ADDRESS": place.temporal_address,
            "TEMPORAL_NAMESPACE": place.temporal_namespace,
        },
        without_prefix="TEMPORAL_",
    )
    url = f"http://127.0.0.1:{port}"
    worker = worker_process(environment, place.data_dir)
    portal = portal_process(environment, place.data_dir, url)
    try:
        worker.start()
        portal.start()
        yield House(url, token_secret)
    finally:
        portal.stop()
        worker.stop()

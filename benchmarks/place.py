"""Where a benchmark runs: a durable PostgreSQL and a durable Temporal of its own, filled with the demo world."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from demo.load import DemoData
from demo.load import load as read_demo
from integrations.cipher.ring import RingCipher, make_ring
from integrations.files.local import LocalFiles
from integrations.temporal_server import TemporalServer
from models.approval import ApprovalMode
from models.base import Value
from models.catalogue import Family
from models.policy import CancellationPolicy
from processes.interruption import interruptible
from storage.embedded import EmbeddedPostgres
from storage.engine import Database
from storage.migration import upgrade
from storage.seed import load
from workflows.search_attributes import SEARCH_ATTRIBUTES

AUTOMATIC_SKU = "DG7GMGF0D5RK:0004"
HUMAN_SKU = "DG7GMGF0D5RK:000C"
"""Perpetual software is cancelled by the policy itself here, subscriptions by a person as shipped."""

_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

CIPHER = RingCipher(SecretStr(make_ring()))
"""Seals this process's stock and binds what it sells; contestants in other processes sell nothing."""


class Place(Value):
    """The addresses that a lap needs; both are local and open to this account only."""

    data_dir: Path
    database_url: str
    temporal_address: str
    temporal_namespace: str = "default"


@contextmanager
def own_place(keys_per_sku: int) -> Iterator[Place]:
    """Servers with the settings of the embedded default, fsync included; gone with their data afterwards."""
    with tempfile.TemporaryDirectory(prefix="keydesk-bench-") as name, interruptible():
        directory = Path(name)
        # PostgreSQL's account has to pass; nothing can be listed.
        directory.chmod(0o711)
        temporal = TemporalServer(
            SEARCH_ATTRIBUTES,
            db_filename=directory / "temporal.db",
            log_file=directory / "temporal.log",
        )
        with _filled(directory, keys_per_sku) as database_url:
            try:
                temporal.start()
                yield Place(
                    data_dir=directory,
                    database_url=database_url,
                    temporal_address=temporal.address,
                )
            finally:
                temporal.stop()


@contextmanager
def own_book(keys_per_sku: int) -> Iterator[str]:
    """The URL of such a PostgreSQL alone."""
    with tempfile.TemporaryDirectory(prefix="keydesk-bench-") as name, interruptible():
        directory = Path(name)
        directory.chmod(0o711)
        with _filled(directory, keys_per_sku) as database_url:
            yield database_url


@contextmanager
def _filled(directory: Path, keys_per_sku: int) -> Iterator[str]:
    postgres = EmbeddedPostgres(directory / "postgres")
    try:
        postgres.start()
        postgres.create_database()
        upgrade(postgres.url())
        _fill(postgres.url(), directory / "files", keys_per_sku)
        yield postgres.url()
    finally:
        postgres.stop()


def _fill(database_url: str, files: Path, keys_per_sku: int) -> None:
    database = Database(database_url)
    load(database, _world(), CIPHER, LocalFiles(files), _LONG_AGO, keys_per_sku=keys_per_sku)
    database.close()


def _world() -> DemoData:
    """The demo world with two products, one of them under a policy that approves by itself."""
    demo = read_demo()
    products = tuple(p for p in demo.products if p.sku in (AUTOMATIC_SKU, HUMAN_SKU))
    policies = tuple(_with_approval(policy) for policy in demo.policies)
    return demo.model_copy(update={"products": products, "policies": policies})


def _with_approval(policy: CancellationPolicy) -> CancellationPolicy:
    if policy.family is not Family.PERPETUAL:
        return policy
    automatic = policy.approval.model_copy(update={"mode": ApprovalMode.AUTOMATIC})
    return policy.model_copy(update={"approval": automatic})

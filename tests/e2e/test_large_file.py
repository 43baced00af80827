"""Files far larger than what the portal may hold: they stream through a real process whose memory stays flat."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import insert
from temporalio.testing import WorkflowEnvironment

from integrations.files.protocol import StoredFile
from integrations.files.s3 import Bucket, S3Files
from models.ids import Prefix, new_id
from models.tables.catalogue import ProductFileRow
from models.tables.column import table
from portal.supervised import portal_process
from processes.child import inherited_environment
from processes.ports import free_ports
from storage.download import create_link
from storage.engine import Database
from tests.factories import BUYER, PER_LINE, Story
from tests.fixtures.portal import EVENT_SECRETS, TOKEN_SECRET

MIB = 1024 * 1024
GIBIBYTE = StoredFile(
    "49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14", 1024 * MIB
)
"""So many zeros, and their SHA-256."""
MAY_GROW_BYTES = 32 * MIB


class Door(NamedTuple):
    """A portal process, and the address of a file behind it."""

    pid: int
    file_url: str


Opened = Callable[[StoredFile, dict[str, str]], Door]


@pytest.fixture
def opened(
    database: Database, temporal_server: WorkflowEnvironment, key_ring: SecretStr, tmp_path: Path
) -> Iterator[Opened]:
    """Starts a portal over the test's database, with a link to a build that is on its shelf."""
    running = []

    def start(file: StoredFile, settings: dict[str, str]) -> Door:
        (port,) = free_ports(1)
        own = {
            "KEYDESK_DATABASE_URL": database.url,
            "KEYDESK_DATA_DIR": str(tmp_path),
            "KEYDESK_PORT": str(port),
            "KEYDESK_KEY_RING": key_ring.get_secret_value(),
            "KEYDESK_TOKEN_SECRET": TOKEN_SECRET.get_secret_value(),
            "KEYDESK_EVENT_SECRETS": json.dumps(EVENT_SECRETS),
            "TEMPORAL_ADDRESS": temporal_server.client.service_client.config.target_host,
        }
        environment = inherited_environment(own | settings, without_prefix="KEYDESK_")
        url = f"http://127.0.0.1:{port}"
        process = portal_process(environment, tmp_path, url)
        process.start()
        running.append(process)
        assert process.pid is not None
        return Door(process.pid, f"{url}/d/{_link_to(database, file)}?download=1")

    yield start
    for process in running:
        process.stop()


def _link_to(database: Database, file: StoredFile) -> str:
    """The token of a link to a build with that content."""
    story, file_id, token = Story(database, placed_at=_now()).buy(), new_id(Prefix.FILE), "a-token"
    build = {"version": "1", "language": "en-US", "bitness": "64", "file_name": "large.iso"}
    with database.transaction() as connection:
        row = {"id": file_id, "sku": PER_LINE, **build, **file._asdict()}
        connection.execute(insert(table(ProductFileRow)).values(**row))
    digest = hashlib.sha256(token.encode()).digest()
    person = story.person(BUYER)
    create_link(database, story.software_id, file_id, new_id(Prefix.LINK), digest, person, _now())
    return token


def test_a_gibibyte_from_the_local_disk_streams_in_flat_memory(
    opened: Opened, tmp_path: Path
) -> None:
    shelf = tmp_path / "files"
    shelf.mkdir()
    with (shelf / GIBIBYTE.sha256).open("wb") as sparse:
        sparse.truncate(GIBIBYTE.size_bytes)

    assert_flat(opened(GIBIBYTE, {}), GIBIBYTE.size_bytes)


def test_a_large_file_from_a_bucket_streams_in_flat_memory(opened: Opened, bucket: Bucket) -> None:
    assert bucket.access_key_id is not None
    assert bucket.secret_access_key is not None
    assert bucket.endpoint is not None
    file = S3Files(bucket).put(cast(BinaryIO, _Zeros(96 * MIB)))
    settings = {
        "KEYDESK_FILES_URL": f"s3://{bucket.name}/{bucket.prefix}",
        "KEYDESK_FILES_ENDPOINT": bucket.endpoint,
        "KEYDESK_FILES_ACCESS_KEY_ID": bucket.access_key_id.get_secret_value(),
        "KEYDESK_FILES_SECRET_ACCESS_KEY": bucket.secret_access_key.get_secret_value(),
    }

    assert_flat(opened(file, settings), file.size_bytes)


def assert_flat(door: Door, size_bytes: int) -> None:
    """Fetch the whole file, and see how much more memory than after a small part of it that took at its most."""
    with httpx2.Client(trust_env=False, timeout=60) as client:
        assert client.get(door.file_url, headers={"Range": "bytes=0-99"}).status_code == 206
        before = _peak_bytes(door.pid)
        with client.stream("GET", door.file_url) as answer:
            received = sum(len(piece) for piece in answer.iter_raw(MIB))
    assert received == size_bytes
    grown = _peak_bytes(door.pid) - before
    assert grown < MAY_GROW_BYTES


def _peak_bytes(pid: int) -> int:
    """The most memory that a process ever held (VmHWM, in kB)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _now() -> datetime:
    return datetime.now(UTC)


class _Zeros(io.RawIOBase):
    """So many zeros, without holding them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        assert whence == io.SEEK_SET
        self._position = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        given = min(size, self._size - self._position)
        self._position += given
        return bytes(given)

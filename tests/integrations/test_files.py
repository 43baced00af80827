"""The shelf of downloadable files: whole or absent, and found by content only."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from integrations.files.local import LocalFiles
from models.errors import NotFound

CONTENT = b"a build" * 300_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def shelf(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path / "files")


def test_a_file_is_found_by_its_content(shelf: LocalFiles) -> None:
    assert not shelf.exists(SHA256)

    stored = shelf.put(BytesIO(CONTENT))

    assert stored == (SHA256, len(CONTENT))
    assert shelf.exists(SHA256)
    with shelf.open(SHA256) as stream:
        assert stream.read() == CONTENT


def test_an_empty_file_is_a_file(shelf: LocalFiles) -> None:
    stored = shelf.put(BytesIO())

    with shelf.open(stored.sha256) as stream:
        assert stream.read() == b""
    assert stored.size_bytes == 0


def test_the_same_content_put_at_once_is_one_file(shelf: LocalFiles, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        stored = list(pool.map(lambda _: shelf.put(BytesIO(CONTENT)), range(8)))

    assert set(stored) == {(SHA256, len(CONTENT))}
    assert [path.name for path in (tmp_path / "files").iterdir()] == [SHA256]


class _Breaking(BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError("the line went dead")
        return super().read(1000)


def test_an_upload_that_breaks_leaves_nothing(shelf: LocalFiles, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="went dead"):
        shelf.put(_Breaking(CONTENT))

    assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "0" * 64,
        "",
        "../" * 3 + "etc/passwd",
        SHA256.upper(),
        SHA256[:-1],
        SHA256 + "\n",
        SHA256 + "/..",
        "\0" * 64,
    ],
)
def test_what_is_no_hash_or_not_here_is_not_found(shelf: LocalFiles, name: str) -> None:
    shelf.put(BytesIO(CONTENT))

    assert not shelf.exists(name)
    with pytest.raises(NotFound):
        shelf.open(name)

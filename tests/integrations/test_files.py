"""The shelf of downloadable files: what every kind of it does alike, and what is each one's own."""

import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store
from pydantic import SecretStr

from integrations.files.local import LocalFiles
from integrations.files.protocol import Files, StoredFile
from integrations.files.s3 import Bucket, ChangedWhileRead, S3Files
from models.errors import NotFound, Unavailable
from processes.ports import free_ports

CONTENT = b"a build" * 1_500_000
"""More than one part of an upload and more than one range of a read."""
STORED = StoredFile(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the local shelf of a test is."""
    return tmp_path / "files"


@pytest.fixture
def own_bucket(bucket: Bucket) -> Bucket:
    """A corner of the bucket where nothing lies yet."""
    return bucket.model_copy(update={"prefix": uuid.uuid4().hex})


@pytest.fixture(params=["local", "s3", "in a local one", "in an s3 one"])
def shelf(request: pytest.FixtureRequest) -> Files:
    """Each kind of shelf, and one inside each kind, empty."""
    local = "local" in request.param
    shelf = (
        LocalFiles(request.getfixturevalue("place"))
        if local
        else S3Files(request.getfixturevalue("own_bucket"))
    )
    return shelf.within("att_1") if request.param.startswith("in ") else shelf


def test_a_file_is_found_by_its_content(shelf: Files) -> None:
    assert not shelf.exists(STORED.sha256)

    assert shelf.put(BytesIO(CONTENT)) == STORED

    assert shelf.exists(STORED.sha256)
    with shelf.open(STORED) as stream:
        assert stream.read() == CONTENT


def test_a_file_is_kept_from_where_the_stream_stands(shelf: Files) -> None:
    stream = BytesIO(b"skipped" + CONTENT)
    stream.seek(7)

    assert shelf.put(stream) == STORED


def test_an_empty_file_is_a_file(shelf: Files) -> None:
    stored = shelf.put(BytesIO())

    with shelf.open(stored) as stream:
        assert stream.read() == b""
    assert stored.size_bytes == 0


@pytest.mark.parametrize("start", [0, 1, 4 * 1024 * 1024 - 1, len(CONTENT) - 1, len(CONTENT)])
def test_reading_starts_anywhere(shelf: Files, start: int) -> None:
    shelf.put(BytesIO(CONTENT))

    with shelf.open(STORED) as stream:
        assert stream.seek(start) == start
        assert stream.read(10) == CONTENT[start : start + 10]
        assert stream.read(256 * 1024) == CONTENT[start + 10 :][: 256 * 1024]


def test_the_same_content_put_at_once_is_one_file(shelf: Files) -> None:
    with ThreadPoolExecutor() as pool:
        stored = list(pool.map(lambda _: shelf.put(BytesIO(CONTENT)), range(4)))

    assert set(stored) == {STORED}
    with shelf.open(STORED) as stream:
        assert stream.read() == CONTENT


class _Breaking(BytesIO):
    """Gives some, and then nothing more, from the given reading on."""

    def __init__(self, content: bytes, breaks_at: int) -> None:
        super().__init__(content)
        self._left = breaks_at

    def read(self, size: int | None = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise OSError("the line went dead")
        return super().read(size)


@pytest.mark.parametrize("breaks_at", [0, 1, 4])
def test_an_upload_that_breaks_leaves_nothing(shelf: Files, breaks_at: int) -> None:
    with pytest.raises(OSError, match="went dead"):
        shelf.put(_Breaking(CONTENT, breaks_at))

    assert not shelf.exists(STORED.sha256)


@pytest.mark.parametrize(
    "name",
    [
        "0" * 64,
        "",
        "../" * 3 + "etc/passwd",
        STORED.sha256.upper(),
        STORED.sha256[:-1],
        STORED.sha256 + "\n",
        STORED.sha256 + "/..",
        "\0" * 64,
    ],
)
def test_what_is_no_hash_or_not_here_is_not_found(shelf: Files, name: str) -> None:
    shelf.put(BytesIO(b"something else"))

    assert not shelf.exists(name)
    with pytest.raises(NotFound):
        shelf.open(StoredFile(name, len(CONTENT)))


def test_a_file_of_another_length_is_not_the_file(shelf: Files) -> None:
    shelf.put(BytesIO(CONTENT))

    with pytest.raises(NotFound):
        shelf.open(StoredFile(STORED.sha256, len(CONTENT) + 1))


def test_what_is_deleted_is_gone_and_can_come_again(shelf: Files) -> None:
    shelf.put(BytesIO(CONTENT))

    for _ in range(2):
        shelf.delete(STORED.sha256)

        assert not shelf.exists(STORED.sha256)
        with pytest.raises(NotFound):
            shelf.open(STORED)
    assert shelf.put(BytesIO(CONTENT)) == STORED
    assert shelf.exists(STORED.sha256)


def test_nothing_else_is_deleted(shelf: Files) -> None:
    shelf.put(BytesIO(CONTENT))
    other = shelf.put(BytesIO(b"another build"))

    for name in (other.sha256, "0" * 64, "../" + STORED.sha256, "", "."):
        shelf.delete(name)

    assert shelf.exists(STORED.sha256)
    assert not shelf.exists(other.sha256)


def test_the_same_content_on_two_shelves_is_two_files(shelf: Files) -> None:
    inner, sister = shelf.within("one"), shelf.within("two")
    for each in (inner, sister):
        each.put(BytesIO(CONTENT))

    inner.delete(STORED.sha256)

    assert not inner.exists(STORED.sha256)
    assert not shelf.exists(STORED.sha256)
    with sister.open(STORED) as stream:
        assert stream.read() == CONTENT


@pytest.mark.parametrize("folder", ["", "..", "a/b", "a\n", "A", "x" * 65])
def test_a_folder_leads_nowhere_else(shelf: Files, folder: str) -> None:
    with pytest.raises(ValueError, match="folder"):
        shelf.within(folder)


def test_a_private_shelf_is_for_nobody_else(place: Path) -> None:
    LocalFiles(place, private=True).within("one").put(BytesIO(CONTENT))

    modes = {path.name: path.stat().st_mode & 0o777 for path in (place, *place.rglob("*"))}
    assert modes == {place.name: 0o700, "one": 0o700, STORED.sha256: 0o600}


def test_a_local_folder_goes_with_its_last_file(place: Path) -> None:
    shelf = LocalFiles(place)
    shelf.within("one").put(BytesIO(CONTENT))

    shelf.within("one").delete(STORED.sha256)

    assert list(place.rglob("*")) == []


def test_a_local_shelf_holds_nothing_but_files(place: Path) -> None:
    shelf = LocalFiles(place)
    shelf.put(BytesIO(CONTENT))
    with pytest.raises(OSError, match="went dead"):
        shelf.put(_Breaking(CONTENT + CONTENT, 3))

    assert [path.name for path in place.iterdir()] == [STORED.sha256]


def test_a_bucket_takes_no_file_that_changes_while_it_is_read(own_bucket: Bucket) -> None:
    with pytest.raises(ChangedWhileRead):
        S3Files(own_bucket).put(_Changing(CONTENT))

    assert not S3Files(own_bucket).exists(STORED.sha256)


class _Changing(BytesIO):
    """Other bytes from the second reading on."""

    def seek(self, offset: int, whence: int = 0) -> int:
        super().seek(0)
        self.write(b"A")
        return super().seek(offset, whence)


def test_a_read_that_began_gives_no_bytes_of_another_version(own_bucket: Bucket) -> None:
    shelf = S3Files(own_bucket)
    shelf.put(BytesIO(CONTENT))

    with shelf.open(STORED) as stream:
        assert stream.read(10) == CONTENT[:10]
        _overwrite(own_bucket, STORED.sha256, bytes(len(CONTENT)))
        with pytest.raises(OSError, match="does not give the file"):
            stream.read()


def _overwrite(bucket: Bucket, name: str, content: bytes) -> None:
    assert bucket.access_key_id is not None
    assert bucket.secret_access_key is not None
    store = S3Store(
        bucket.name,
        prefix=bucket.prefix,
        endpoint=bucket.endpoint,
        region=bucket.region,
        access_key_id=bucket.access_key_id.get_secret_value(),
        secret_access_key=bucket.secret_access_key.get_secret_value(),
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    obstore.put(store, name, content)


@pytest.fixture(params=["a wrong secret", "nobody there"])
def unusable(request: pytest.FixtureRequest, own_bucket: Bucket) -> Files:
    """A bucket that cannot be asked."""
    wrong = (
        {"secret_access_key": SecretStr("another secret")}
        if request.param == "a wrong secret"
        else {"endpoint": f"http://127.0.0.1:{free_ports(1)[0]}"}
    )
    return S3Files(own_bucket.model_copy(update=wrong))


def test_a_bucket_that_cannot_be_asked_is_a_neighbour_that_is_away(unusable: Files) -> None:
    with pytest.raises(Unavailable) as opening:
        unusable.open(STORED)
    with pytest.raises(Unavailable) as putting:
        unusable.put(BytesIO(b"a build"))

    for away in (opening, putting):
        assert away.value.code == "file_unavailable"
        assert away.value.facts["retry_after_s"] > 0
        assert "127.0.0.1" not in away.value.message

"""Downloadable files in an S3-compatible bucket, one object per content, under `<prefix>/<sha256>`."""

import contextlib
import copy
import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store
from pydantic import SecretStr

from integrations.files.protocol import StoredFile, checked_folder
from models.base import Value
from models.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Config

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PIECE_BYTES = 4 * 1024 * 1024
"""What one ranged request fetches, and all of a file that is held in memory at a time."""
_UPLOAD_BYTES = 8 * 1024 * 1024
_REQUEST_TIMEOUT = timedelta(seconds=15)
_CONNECT_TIMEOUT = timedelta(seconds=3)
_RETRIES_FOR = timedelta(seconds=5)
_RETRIES = 3


class Bucket(Value):
    """Where the bucket is and who we are there; without credentials those of the machine's own role are used."""

    name: str
    prefix: str
    endpoint: str | None
    region: str
    access_key_id: SecretStr | None
    secret_access_key: SecretStr | None


class ChangedWhileRead(OSError):
    """A stream gave other bytes the second time; nothing of it was kept."""


class S3Files:
    """A bucket; an object appears in it whole or not at all, and is read by ranges that must be of one version."""

    def __init__(self, bucket: Bucket) -> None:
        self._store = _open(bucket)
        self._folder = ""

    def put(self, stream: BinaryIO) -> StoredFile:
        """Hash first, since the hash is the name; then upload in parts, and finish only if the hash holds."""
        began = stream.tell()
        digest, size = hashlib.sha256(), 0
        for piece in _pieces(stream):
            digest.update(piece)
            size += len(piece)
        stored = StoredFile(digest.hexdigest(), size)
        with _asking():
            if self._size(stored.sha256) == size:
                return stored
            stream.seek(began)
            upload = _checked(stream, stored.sha256) if size else b""
            obstore.put(self._store, self._key(stored.sha256), upload, chunk_size=_UPLOAD_BYTES)
        return stored

    def open(self, file: StoredFile) -> BinaryIO:
        """Ask for the object's length and version; its bytes come by ranges of that version."""
        if not _SHA256.fullmatch(file.sha256):
            raise NotFound("file")
        try:
            with _asking():
                found = obstore.head(self._store, self._key(file.sha256))
        except FileNotFoundError:
            raise NotFound("file") from None
        if found["size"] != file.size_bytes:
            raise NotFound("file")
        ranges = _Ranges(self._store, self._key(file.sha256), file.size_bytes, found["e_tag"])
        return cast(BinaryIO, io.BufferedReader(ranges, _PIECE_BYTES))

    def exists(self, sha256: str) -> bool:
        """Ask for the object."""
        with _asking():
            return bool(_SHA256.fullmatch(sha256)) and self._size(sha256) is not None

    def delete(self, sha256: str) -> None:
        """Delete the object; a bucket has no directories to tidy up."""
        if not _SHA256.fullmatch(sha256):
            return
        with _asking(), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, self._key(sha256))

    def within(self, folder: str) -> "S3Files":
        """A longer prefix over the same connections."""
        inner = copy.copy(self)
        inner._folder = f"{self._folder}{checked_folder(folder)}/"
        return inner

    def _key(self, sha256: str) -> str:
        return f"{self._folder}{sha256}"

    def _size(self, sha256: str) -> int | None:
        try:
            return obstore.head(self._store, self._key(sha256))["size"]
        except FileNotFoundError:
            return None


class _Ranges(io.RawIOBase):
    """An object as a file: every read is one ranged request, so that nothing is held open for a slow client."""

    def __init__(self, store: S3Store, key: str, size_bytes: int, e_tag: str | None) -> None:
        self._store, self._key, self._size_bytes, self._e_tag = store, key, size_bytes, e_tag
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}
        self._position = max(0, starts[whence] + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        stop = min(self._position + len(buffer), self._size_bytes)
        if stop <= self._position:
            return 0
        try:
            piece = self._fetch(stop)
        except (BaseError, FileNotFoundError) as error:
            raise OSError(f"The bucket does not give the file: {type(error).__name__}.") from None
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _fetch(self, stop: int) -> memoryview:
        wanted: GetOptions = {"range": (self._position, stop)}
        if self._e_tag is not None:
            wanted["if_match"] = self._e_tag
        return memoryview(obstore.get(self._store, self._key, options=wanted).bytes())


def _open(bucket: Bucket) -> S3Store:
    config: S3Config = {"region": bucket.region, "virtual_hosted_style_request": False}
    if bucket.endpoint is not None:
        config["endpoint"] = bucket.endpoint
    if bucket.access_key_id is not None and bucket.secret_access_key is not None:
        config["access_key_id"] = bucket.access_key_id.get_secret_value()
        config["secret_access_key"] = bucket.secret_access_key.get_secret_value()
    return S3Store(
        bucket.name,
        prefix=bucket.prefix or None,
        config=config,
        client_options={
            "allow_http": (bucket.endpoint or "").startswith("http://"),
            "timeout": _REQUEST_TIMEOUT,
            "connect_timeout": _CONNECT_TIMEOUT,
        },
        retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRIES_FOR},
    )


@contextmanager
def _asking() -> Iterator[None]:
    """Whatever the bucket has against a request, but for a missing object, is a neighbour that is away."""
    try:
        yield
    except BaseError as error:
        # Its words are left out: they may hold addresses and signatures.
        raise Unavailable(
            "file_unavailable",
            f"The bucket with the files does not answer as it should: {type(error).__name__}.",
            retry_after_s=60,
        ) from None


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(_UPLOAD_BYTES):
        yield piece


def _checked(stream: BinaryIO, sha256: str) -> Iterator[bytes]:
    """The stream once more; ends in an error, which gives the upload up, if it is not what it was."""
    digest = hashlib.sha256()
    for piece in _pieces(stream):
        digest.update(piece)
        yield piece
    if digest.hexdigest() != sha256:
        raise ChangedWhileRead("The file changed while it was read.")

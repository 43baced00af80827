"""Downloadable files on the local disk, one per content, under `<root>/<sha256>`."""

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO

from integrations.files.protocol import StoredFile
from models.errors import NotFound

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1024 * 1024


class LocalFiles:
    """A directory; a file appears in it whole or not at all, also after a crash."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, stream: BinaryIO) -> StoredFile:
        """Write beside the place while hashing, then move in under the hash."""
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._root, prefix=".incoming-")
        incoming = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as target:
                stored = _copy(stream, target)
                target.flush()
                os.fsync(target.fileno())
            incoming.chmod(0o644)
            incoming.replace(self._root / stored.sha256)
        finally:
            incoming.unlink(missing_ok=True)
        _sync_directory(self._root)
        return stored

    def open(self, file: StoredFile) -> BinaryIO:
        """Open for reading; a file that was cut short on the disk is as good as none."""
        try:
            stream = self._place(file.sha256).open("rb")
        except FileNotFoundError:
            raise NotFound("file") from None
        if os.fstat(stream.fileno()).st_size != file.size_bytes:
            stream.close()
            raise NotFound("file")
        return stream

    def exists(self, sha256: str) -> bool:
        """Look for the file."""
        return bool(_SHA256.fullmatch(sha256)) and (self._root / sha256).is_file()

    def _place(self, sha256: str) -> Path:
        """A name that is no hash could lead out of the directory."""
        if not _SHA256.fullmatch(sha256):
            raise NotFound("file")
        return self._root / sha256


def _copy(stream: BinaryIO, target: BinaryIO) -> StoredFile:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
        size += target.write(chunk)
    return StoredFile(digest.hexdigest(), size)


def _sync_directory(directory: Path) -> None:
    """Make the new name itself survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Downloadable files on the local disk, one per content, under `<root>/<sha256>`."""

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO

from integrations.files.protocol import StoredFile, checked_folder
from models.errors import NotFound

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1024 * 1024


class LocalFiles:
    """A directory; a file appears in it whole or not at all, also after a crash.

    What lies on a private one is for this process's own user only.
    """

    def __init__(self, root: Path, *, private: bool = False) -> None:
        self._root = root
        self._private = private

    def put(self, stream: BinaryIO) -> StoredFile:
        """Write beside the place while hashing, then move in under the hash."""
        # Each by itself: `parents` would make them open to everybody.
        for directory in (self._root.parent, self._root):
            directory.mkdir(0o700 if self._private else 0o777, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._root, prefix=".incoming-")
        incoming = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as target:
                stored = _copy(stream, target)
                target.flush()
                os.fsync(target.fileno())
            incoming.chmod(0o600 if self._private else 0o644)
            incoming.replace(self._root / stored.sha256)
        finally:
            incoming.unlink(missing_ok=True)
        for directory in (self._root, self._root.parent):
            _sync_directory(directory)
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

    def delete(self, sha256: str) -> None:
        """Remove the name; the directory goes with its last file."""
        with contextlib.suppress(NotFound):
            self._place(sha256).unlink(missing_ok=True)
        # Not empty, or never made: either way there is nothing to tidy up.
        with contextlib.suppress(OSError):
            self._root.rmdir()

    def within(self, folder: str) -> "LocalFiles":
        """A directory in the directory."""
        return LocalFiles(self._root / checked_folder(folder), private=self._private)

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

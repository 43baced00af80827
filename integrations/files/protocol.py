"""The seam for downloadable files, named by the SHA-256 of their content."""

import re
from typing import BinaryIO, NamedTuple, Protocol

_FOLDER = re.compile(r"[a-z0-9_]{1,64}")


class StoredFile(NamedTuple):
    """What a file is called from now on, and how long it is."""

    sha256: str
    size_bytes: int


class Files(Protocol):
    """A shelf of files that never change: the same content is the same file."""

    def put(self, stream: BinaryIO) -> StoredFile:
        """Keep a copy of the stream from where it stands, which it can be brought back to; whole or not at all."""
        ...

    def open(self, file: StoredFile) -> BinaryIO:
        """The content from its beginning, seekable; NotFound when it is not here, or not of that length.

        The caller closes it. Unavailable where the shelf itself cannot be asked; OSError if it fails later.
        """
        ...

    def exists(self, sha256: str) -> bool:
        """Whether the content is here."""
        ...

    def delete(self, sha256: str) -> None:
        """Make the content be gone, also if it was never here; a read that began may break off."""
        ...

    def within(self, folder: str) -> "Files":
        """A shelf of its own inside this one: the same content on both is two files, each deleted by itself."""
        ...


def checked_folder(folder: str) -> str:
    """The folder's name; ValueError if it could lead somewhere else."""
    if not _FOLDER.fullmatch(folder):
        raise ValueError("A folder is named by small letters, digits and underscores.")
    return folder

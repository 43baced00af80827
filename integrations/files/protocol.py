"""The seam for downloadable files, named by the SHA-256 of their content."""

from typing import BinaryIO, NamedTuple, Protocol


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

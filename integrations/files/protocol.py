"""The seam for downloadable files, named by the SHA-256 of their content."""

from typing import BinaryIO, NamedTuple, Protocol


class StoredFile(NamedTuple):
    """What a file is called from now on, and how long it is."""

    sha256: str
    size_bytes: int


class Files(Protocol):
    """A shelf of files that never change: the same content is the same file."""

    def put(self, stream: BinaryIO) -> StoredFile:
        """Keep a copy of the rest of the stream; a file that is there already is left alone."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """The content from its beginning; raises NotFound when it is not here. The caller closes it."""
        ...

    def exists(self, sha256: str) -> bool:
        """Whether the content is here."""
        ...

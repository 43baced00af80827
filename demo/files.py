"""Demo downloads: the content of a file, made from its name and size."""

import hashlib

_CHUNK_BYTES = 32


def content(file_name: str, size_bytes: int) -> bytes:
    """The same bytes for the same name on every machine, so that the checksum in the catalogue holds."""
    chunks = -(-size_bytes // _CHUNK_BYTES)
    return b"".join(_chunk(file_name, number) for number in range(chunks))[:size_bytes]


def _chunk(file_name: str, number: int) -> bytes:
    return hashlib.sha256(f"{file_name}/{number}".encode()).digest()

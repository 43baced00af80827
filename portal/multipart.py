"""The one file of a multipart form, streamed to a nameless file on the disk and hashed on the way."""

import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from models.attachment import MediaType
from models.errors import Invalid
from portal.door import BodyTooLarge, WrongMediaType
from portal.transfer import PIECE_BYTES
from rules.attachment import HEAD_BYTES, require_text, type_of

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MEDIA_TYPE = "multipart/form-data"
_AROUND_BYTES = 16 * 1024
"""What boundaries and headers may add to the file itself; the parser bounds each header by itself."""


class Upload(NamedTuple):
    """A file that came whole; it is gone when its context ends."""

    stream: BinaryIO
    file_name: str
    media_type: MediaType
    size_bytes: int
    sha256: str


@asynccontextmanager
async def received_file(request: Request, limit: int) -> AsyncIterator[Upload]:
    """The part `file`, alone and whole; BodyTooLarge as soon as it is clear that it is longer than the limit."""
    boundary = _boundary(request)
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > limit + _AROUND_BYTES:
        raise BodyTooLarge(limit)
    with tempfile.TemporaryFile() as stream:
        form = _Form(stream, limit)
        parser = MultipartParser(boundary, form.callbacks(), max_size=limit + _AROUND_BYTES + 1)
        read = 0
        async for chunk in request.stream():
            read += len(chunk)
            if read > limit + _AROUND_BYTES:
                raise BodyTooLarge(limit)
            await run_in_threadpool(_feed, parser, chunk)
        yield await run_in_threadpool(form.upload)


class _Form:
    """Follows the parser through the parts, of which there may be one."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._file_name = ""
        self._size = 0
        self._digest = hashlib.sha256()
        self._parts = 0
        self._ended = False
        self._name = self._value = b""

    def callbacks(self) -> "MultipartCallbacks":
        """By the parser's names."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header,
            "on_headers_finished": self._named,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def upload(self) -> Upload:
        """Invalid when the form broke off, or its file is empty or of no type that may be attached."""
        if not self._ended:
            raise _malformed()
        if not self._size:
            raise Invalid("attachment_empty", "The file is empty.")
        media_type = _judge(self._stream)
        return Upload(
            self._stream, self._file_name, media_type, self._size, self._digest.hexdigest()
        )

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise _not_one()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        if self._name.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            if options.get(b"name") == b"file":
                self._file_name = options.get(b"filename", b"").decode("utf-8", "replace")
        self._name = self._value = b""

    def _named(self) -> None:
        if not self._file_name:
            raise _not_one()

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._size > self._limit:
            raise BodyTooLarge(self._limit)
        self._digest.update(data[start:end])
        self._stream.write(data[start:end])

    def _end(self) -> None:
        self._ended = True


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != MEDIA_TYPE.encode():
        raise WrongMediaType(MEDIA_TYPE)
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:
        raise _malformed()
    return boundary


def _feed(parser: MultipartParser, chunk: bytes) -> None:
    try:
        parser.write(chunk)
    except MultipartParseError:
        raise _malformed() from None


def _judge(stream: BinaryIO) -> MediaType:
    """What the bytes are; the stream is back at its beginning."""
    stream.seek(0)
    media_type = type_of(stream.read(HEAD_BYTES))
    stream.seek(0)
    if media_type is MediaType.TEXT:
        require_text(iter(partial(stream.read, PIECE_BYTES), b""))
        stream.seek(0)
    return media_type


def _malformed() -> Invalid:
    return Invalid("malformed_multipart", "The form broke off, or is no multipart form.")


def _not_one() -> Invalid:
    return Invalid("one_file_only", "Send one file, as the part `file` with a file name.")

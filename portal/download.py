"""Download links: making one, showing what is behind it, and opening the file for whoever holds it."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import BinaryIO
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from integrations.cipher.protocol import Cipher
from integrations.files.protocol import Files, StoredFile
from models.catalogue import ProductFile
from models.download import DownloadLink, LinkRequest
from models.errors import NotFound, Unavailable
from models.principal import Principal
from models.receipt import Receipt
from portal.byte_range import ByteRange, requested_range
from portal.transfer import PIECE_BYTES, Transfer
from rules.permission import Act, require
from storage import download, download_use
from storage.download_use import OpenLink, Span
from storage.engine import Database

CONFIRMED = "download"
"""The query parameter that turns the address of a page into that of the file."""


class DownloadDesk:
    """Makes links whose token only their receivers hold, and serves the file behind a live one."""

    def __init__(
        self,
        database: Database,
        cipher: Cipher,
        files: Files,
        public_url: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._files = files
        self._public_url = public_url.rstrip("/")
        self._clock = clock

    async def create_link(
        self, software_id: str, request: LinkRequest, receipt: Receipt, principal: Principal
    ) -> DownloadLink:
        """A link to one build; the same receipt again gives the same link."""
        require(principal, Act.GET_DOWNLOAD)
        token = self._token(receipt.resource_id)
        link = await run_in_threadpool(
            download.create_link,
            self._database,
            software_id,
            request.file_id,
            receipt.resource_id,
            _hash(token),
            principal,
            self._clock(),
        )
        url = f"{self._public_url}/d/{token}"
        return link.model_copy(update={"url": url, "file_url": f"{url}?{CONFIRMED}=1"})

    def _token(self, link_id: str) -> str:
        """256 bits that follow from the link's id and a secret, so that no row holds them."""
        return _text(self._cipher.fingerprint(f"keydesk/v1/download-link\0{link_id}"))

    def look(self, token: str) -> DownloadLink | None:
        """What the page shows, at no cost; None for expired, used-up, revoked, withdrawn and unknown links alike."""
        opened = self._opened(token, self._clock())
        return opened.link if opened is not None and opened.live else None

    def serve(self, token: str, method: str, headers: Mapping[str, str]) -> Response | None:
        """The file, for one use or as the rest of one that began; None wherever there is none to have."""
        now = self._clock()
        opened = self._opened(token, now)
        if opened is None:
            return None
        file, part = opened.file, _part(opened.file, headers)
        if part is not None and part.length == 0:
            return Response(
                status_code=416, headers={"Content-Range": f"bytes */{file.size_bytes}"}
            )
        if method == "HEAD":
            return Response(status_code=206 if part else 200, headers=_headers(file, part))
        return self._send(opened, part, now)

    def _opened(self, token: str, now: datetime) -> OpenLink | None:
        with self._database.reading() as connection:
            return download_use.open_link(connection, _hash(token), now)

    def _send(self, opened: OpenLink, part: ByteRange | None, now: datetime) -> Response | None:
        file, whole = opened.file, part or ByteRange(0, opened.file.size_bytes)
        # Opened and read before it is counted: a file that cannot be had costs nobody a use.
        stream, first = self._open(file, whole)
        download_id = self._begin(opened, whole, now)
        if download_id is None:
            stream.close()
            return None
        return Transfer(
            stream,
            whole,
            first,
            sha256=file.sha256 if whole.length == file.size_bytes else None,
            ended=partial(self._end, download_id),
            status_code=206 if part else 200,
            headers=_headers(file, part),
        )

    def _begin(self, opened: OpenLink, part: ByteRange, now: datetime) -> str | None:
        """Beyond the first byte the last use goes on, if it may; all else is a use of its own."""
        span = Span(part.start, part.stop)
        if part.start > 0 and (going_on := download_use.go_on(self._database, opened, span, now)):
            return going_on
        return download_use.begin_use(self._database, opened, span, now)

    def _end(self, download_id: str, served_bytes: int) -> None:
        download_use.end_download(self._database, download_id, served_bytes, self._clock())

    def _open(self, file: ProductFile, part: ByteRange) -> tuple[BinaryIO, bytes]:
        try:
            stream = self._files.open(StoredFile(file.sha256, file.size_bytes))
        except NotFound:
            raise _unavailable() from None
        try:
            stream.seek(part.start)
            return stream, stream.read(min(PIECE_BYTES, part.length))
        except OSError:
            stream.close()
            raise _unavailable() from None


def _unavailable() -> Unavailable:
    return Unavailable("file_unavailable", "The file cannot be had right now.", retry_after_s=60)


def _part(file: ProductFile, headers: Mapping[str, str]) -> ByteRange | None:
    """The range asked for; a continuation of other content starts over."""
    if headers.get("if-range", _etag(file)) != _etag(file):
        return None
    return requested_range(headers.get("range"), file.size_bytes)


def _headers(file: ProductFile, part: ByteRange | None) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode("ascii")
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.file_name, safe='')}",
        "Content-Length": str(part.length if part else file.size_bytes),
        "Accept-Ranges": "bytes",
        "ETag": _etag(file),
        "Repr-Digest": f"sha-256=:{digest}:",
        "X-Checksum-SHA256": file.sha256,
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{file.size_bytes}"
    return headers


def _etag(file: ProductFile) -> str:
    return f'"{file.sha256}"'


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode("ascii")

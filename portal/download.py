"""Download links: making one, and opening the file for whoever holds it."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import BinaryIO
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from integrations.cipher.protocol import Cipher
from integrations.files.protocol import Files
from models.catalogue import ProductFile
from models.errors import NotFound, Unavailable
from models.principal import Principal
from models.receipt import Receipt
from models.software import DownloadLink, LinkRequest
from portal.byte_range import ByteRange, requested_range
from rules.permission import Act, require
from storage import download
from storage.download import LinkTerms, LiveLink
from storage.engine import Database

_CHUNK_BYTES = 256 * 1024


class DownloadDesk:
    """Makes links whose token only their receivers hold, and serves the file behind a live one."""

    def __init__(
        self,
        database: Database,
        cipher: Cipher,
        files: Files,
        terms: LinkTerms,
        public_url: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._files = files
        self._terms = terms
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
            self._terms,
        )
        return link.model_copy(update={"url": f"{self._public_url}/d/{token}"})

    def _token(self, link_id: str) -> str:
        """256 bits that follow from the link's id and a secret, so that no row holds them."""
        return _text(self._cipher.fingerprint(f"keydesk/v1/download-link\0{link_id}"))

    def serve(self, token: str, method: str, headers: Mapping[str, str]) -> Response | None:
        """The file; None for expired, used-up, revoked and unknown links alike."""
        now = self._clock()
        with self._database.reading() as connection:
            link = download.live_link(connection, _hash(token), now)
        if link is None:
            return None
        part = _part(link.file, headers)
        if part is not None and part.length == 0:
            return Response(
                status_code=416,
                headers={"Content-Range": f"bytes */{link.file.size_bytes}"},
            )
        if method == "HEAD":
            return Response(status_code=206 if part else 200, headers=_headers(link.file, part))
        return self._send(link, part, now)

    def _send(self, link: LiveLink, part: ByteRange | None, now: datetime) -> Response | None:
        # Opened before it is counted: a file that is not there costs nobody a use.
        stream = self._open(link.file)
        if not _continues(link, part) and not download.count_use(self._database, link, now):
            stream.close()
            return None
        whole = part or ByteRange(0, link.file.size_bytes)
        return StreamingResponse(
            _read(stream, whole),
            status_code=206 if part else 200,
            headers=_headers(link.file, part),
        )

    def _open(self, file: ProductFile) -> BinaryIO:
        try:
            return self._files.open(file.sha256)
        except NotFound:
            raise Unavailable(
                "file_unavailable", "The file cannot be had right now.", retry_after_s=60
            ) from None


def _continues(link: LiveLink, part: ByteRange | None) -> bool:
    """Whether this goes on with a download that was counted when it began."""
    return part is not None and part.start > 0 and link.uses > 0


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


def _read(stream: BinaryIO, part: ByteRange) -> Iterator[bytes]:
    with stream:
        stream.seek(part.start)
        left = part.length
        while left and (chunk := stream.read(min(_CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _text(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode("ascii")

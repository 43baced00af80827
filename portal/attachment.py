"""Attachments at the door: what comes in is judged by its bytes, what goes out is never shown in place."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from starlette.responses import Response

from integrations.files.protocol import Files, StoredFile
from models.attachment import Attachment, LeftBehind
from models.errors import Invalid, KeydeskError, NotFound, Unavailable
from models.principal import Principal
from models.receipt import Receipt
from models.ticket import Audience
from portal.byte_range import ByteRange
from portal.transfer import PIECE_BYTES, Transfer
from rules.attachment import display_name
from rules.permission import Act, require, require_internal
from storage import attachment
from storage.engine import Database
from storage.receipt import forget_receipt

if TYPE_CHECKING:
    from portal.multipart import Upload

SWEPT_AFTER = timedelta(hours=1)
"""An upload that has no row by then has broken off."""


class AttachmentDesk:
    """Each attachment has a folder of its own on the shelf, so that the same bytes twice are two files."""

    def __init__(
        self, database: Database, files: Files, limit_bytes: int, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._files = files
        self.limit_bytes = limit_bytes
        self._clock = clock

    def require_open(self, ticket_id: str, audience: Audience, principal: Principal) -> None:
        """Refused, before a byte is read, unless the caller may attach something to the ticket now."""
        require(principal, Act.WRITE_NOTE)
        if audience is Audience.INTERNAL:
            require_internal(principal)
        with self._database.reading() as connection:
            attachment.require_open(connection, principal, ticket_id)

    def attach(
        self,
        ticket_id: str,
        audience: Audience,
        upload: "Upload",
        receipt: Receipt,
        principal: Principal,
    ) -> Attachment:
        """Keep an upload whose type was judged; the same receipt again gives the same attachment."""
        self.require_open(ticket_id, audience, principal)
        new = Attachment(
            id=receipt.resource_id,
            ticket_id=ticket_id,
            name=display_name(upload.file_name, upload.media_type),
            media_type=upload.media_type,
            size_bytes=upload.size_bytes,
            sha256=upload.sha256,
            audience=audience,
            uploaded_by=principal.user_id,
            uploaded_at=receipt.received_at,
        )
        kept = self._keep(new, upload.stream, principal)
        if not receipt.first:
            # It may have been withdrawn since its first try, and now its bytes have come again.
            self.discard(LeftBehind(attachment_id=new.id, sha256=new.sha256))
        if kept.audience is not audience:
            raise Invalid(
                "idempotency_key_reused",
                "This Idempotency-Key was used with another audience. Use a new key for a new request.",
            )
        return kept

    def _keep(self, new: Attachment, stream: BinaryIO, principal: Principal) -> Attachment:
        """Bytes first, then the row: whatever breaks off in between is seen by nobody, and is swept."""
        shelf = self._files.within(new.id)
        shelf.put(stream)
        try:
            return attachment.add_attachment(
                self._database, principal, new, partial(shelf.exists, new.sha256)
            )
        except KeydeskError as error:
            if error.permanent:
                self.discard(LeftBehind(attachment_id=new.id, sha256=new.sha256))
                forget_receipt(self._database, new.id)
            raise

    def serve(self, ticket_id: str, attachment_id: str, principal: Principal) -> Response:
        """The bytes, to be saved and not shown; NotFound once they were withdrawn. Noted before they leave."""
        require(principal, Act.READ_TICKET)
        with self._database.reading() as connection:
            found = attachment.find_attachment(connection, principal, ticket_id, attachment_id)
        if found.withdrawn_at is not None:
            raise NotFound("attachment")
        stream, first = self._open(found)
        attachment.note_read(self._database, found.id, principal.user_id, self._clock())
        return Transfer(
            stream,
            ByteRange(0, found.size_bytes),
            first,
            sha256=found.sha256,
            ended=_ended,
            status_code=200,
            headers=_headers(found),
        )

    def _open(self, found: Attachment) -> tuple[BinaryIO, bytes]:
        try:
            shelf = self._files.within(found.id)
            stream = shelf.open(StoredFile(found.sha256, found.size_bytes))
        except NotFound:
            raise Unavailable(
                "file_unavailable", "The file cannot be had right now.", retry_after_s=60
            ) from None
        return stream, stream.read(min(PIECE_BYTES, found.size_bytes))

    def withdraw(
        self, ticket_id: str, attachment_id: str, receipt: Receipt, principal: Principal
    ) -> Attachment:
        """The row first: bytes that a crash leaves behind are given to nobody, and are swept."""
        require(principal, Act.WRITE_NOTE)
        gone = attachment.withdraw_attachment(
            self._database, principal, ticket_id, attachment_id, receipt.received_at
        )
        self.discard(LeftBehind(attachment_id=gone.id, sha256=gone.sha256))
        return gone

    def left_behind(self) -> list[LeftBehind]:
        """What a sweep has to look at."""
        with self._database.reading() as connection:
            return attachment.left_behind(connection, self._clock() - SWEPT_AFTER)

    def lost(self) -> Iterator[str]:
        """The attachments whose bytes are not on the shelf, or are others; all of them are read."""
        with self._database.reading() as connection:
            wanted = attachment.live_attachments(connection)
        for each in wanted:
            if not self._lies_there(each) and self._is_live(each):
                yield each.id

    def _lies_there(self, each: Attachment) -> bool:
        try:
            with self._files.within(each.id).open(StoredFile(each.sha256, each.size_bytes)) as file:
                digest = hashlib.sha256()
                for piece in iter(partial(file.read, PIECE_BYTES), b""):
                    digest.update(piece)
                return digest.hexdigest() == each.sha256
        except NotFound:
            return False

    def _is_live(self, each: Attachment) -> bool:
        """One that was withdrawn while this looked is not lost."""
        with self._database.reading() as connection:
            return any(one.id == each.id for one in attachment.live_attachments(connection))

    def discard(self, left: LeftBehind) -> bool:
        """Delete the bytes; False if there were none, or an attachment needs them after all."""
        shelf = self._files.within(left.attachment_id)
        there = shelf.exists(left.sha256)
        delete = partial(shelf.delete, left.sha256)
        return attachment.discard(self._database, left.attachment_id, delete) and there


def _headers(found: Attachment) -> dict[str, str]:
    return {
        "Content-Type": found.media_type,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
        "Content-Length": str(found.size_bytes),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-store",
        "X-Checksum-SHA256": found.sha256,
    }


def _ended(served_bytes: int) -> None:
    """Who was given it is noted already; how far it came is not."""
    del served_bytes

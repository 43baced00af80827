"""Attachments of tickets: files that people add to a ticket, kept as bytes that nothing here ever opens."""

from enum import StrEnum

from pydantic import AwareDatetime

from models.base import Value
from models.ticket import Audience

MOST = 5
"""How many a ticket may hold at a time, those withdrawn not counted; the database counts too."""

LARGEST_BYTES = 100 * 1024 * 1024
"""What no setting goes beyond."""


class MediaType(StrEnum):
    """What may be attached, as its own first bytes say; nothing that a browser or a computer would run."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"
    GIF = "image/gif"
    WEBP = "image/webp"
    TEXT = "text/plain"

    @property
    def endings(self) -> tuple[str, ...]:
        """The file name endings that agree with it; the first one replaces any other."""
        return {
            "application/pdf": ("pdf",),
            "image/png": ("png",),
            "image/jpeg": ("jpg", "jpeg"),
            "image/gif": ("gif",),
            "image/webp": ("webp",),
            "text/plain": ("txt", "log", "csv", "eml"),
        }[self.value]


class Attachment(Value):
    """One file on a ticket; `name` is for people to read only. One that was withdrawn has no bytes any more."""

    id: str
    ticket_id: str
    name: str
    media_type: MediaType
    size_bytes: int
    sha256: str
    audience: Audience
    uploaded_by: str
    uploaded_at: AwareDatetime
    withdrawn_by: str | None = None
    withdrawn_at: AwareDatetime | None = None


class LeftBehind(Value):
    """Bytes that no attachment needs: of an upload that broke off, or of one that was withdrawn."""

    attachment_id: str
    sha256: str

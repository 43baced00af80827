"""What a file on a ticket is, by its bytes, and what it may be called."""

import codecs
import re
import unicodedata
from collections.abc import Iterable

from models.attachment import MediaType
from models.errors import Invalid

HEAD_BYTES = 64
"""As many first bytes as `type_of` needs."""

_NAME_CHARACTERS = 120
_SIGNATURES = (
    (b"%PDF-", MediaType.PDF),
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"GIF87a", MediaType.GIF),
    (b"GIF89a", MediaType.GIF),
)
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:#!|<[!?/A-Za-z])")
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def type_of(head: bytes) -> MediaType:
    """By the first bytes, whatever the sender calls it; text where nothing else fits, if `require_text` agrees."""
    for signature, found in _SIGNATURES:
        if head.startswith(signature):
            return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return MediaType.WEBP
    if _MARKUP.match(head):
        raise refused()
    return MediaType.TEXT


def require_text(pieces: Iterable[bytes]) -> None:
    """Invalid unless all of it is UTF-8 without NUL; programs and archives are not."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces:
            if "\0" in decoder.decode(piece):
                raise refused()
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise refused() from None


def display_name(given: str, media_type: MediaType) -> str:
    """The last part of the path, without what hides or turns text, and with an ending that agrees with the bytes."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", given))[-1]
    seen = "".join(c for c in last if unicodedata.category(c) not in _UNSEEN).strip(" .")
    stem, dot, ending = seen.rpartition(".")
    if not dot or ending.lower() not in media_type.endings:
        stem, ending = stem or seen, media_type.endings[0]
    stem = stem[: _NAME_CHARACTERS - len(ending) - 1].strip(" .")
    return f"{stem or 'attachment'}.{ending}"


def refused() -> Invalid:
    """What the sender of anything else is told."""
    kinds = ", ".join(ending for kind in MediaType for ending in kind.endings)
    return Invalid(
        "attachment_type_refused", f"Only these can be attached, by their content: {kinds}."
    )

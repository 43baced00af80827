"""Reports of mail servers about our letters (RFC 3464), as far as they can be trusted to be about one."""

import re
from email import message_from_bytes
from email.message import Message
from email.parser import BytesHeaderParser

from pydantic import ValidationError

from integrations.notifier.protocol import ENHANCED_CODE
from models.bounce import Bounce, BounceAction

_ACTIONS = {str(action) for action in BounceAction}


def read_bounce(raw: bytes, domain: str) -> Bounce | None:
    """The report in a message, if it is one about a letter with a Message-ID of `domain`; else None.

    Whoever sends mail may send this, so anything can be in it. The id of a notice cannot be guessed: only whoever
    saw the letter can name it, and the book then asks whether it went to the reader that the report names.
    """
    try:
        return _read(message_from_bytes(raw), domain)
    except (RecursionError, ValidationError):
        # Nested beyond reason, or without a code.
        return None


def _read(message: Message, domain: str) -> Bounce | None:
    if message.get_content_type() != "multipart/report" or not message.is_multipart():
        return None
    parts = {part.get_content_type(): part for part in reversed(_parts(message))}
    notice_id = _notice_id(_original(parts), domain)
    recipient = _recipient(parts.get("message/delivery-status"))
    if notice_id is None or recipient is None:
        return None
    code = ENHANCED_CODE.search(str(recipient["Status"]))
    return Bounce(
        notice_id=notice_id,
        action=BounceAction(_word(recipient["Action"])),
        code=code.group() if code else "",
        addresses=frozenset(
            address
            for name in ("Final-Recipient", "Original-Recipient")
            if (address := _address(recipient[name]))
        ),
    )


def _parts(message: Message | None) -> list[Message]:
    payload = [] if message is None else message.get_payload()
    return (
        [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []
    )


def _original(parts: dict[str, Message]) -> Message | None:
    """The headers of the letter as they came back, with the letter or alone."""
    if whole := _parts(parts.get("message/rfc822")):
        return whole[0]
    headers = parts.get("text/rfc822-headers")
    content = headers.get_payload(decode=True) if headers is not None else None
    return BytesHeaderParser().parsebytes(content) if isinstance(content, bytes) else None


def _notice_id(original: Message | None, domain: str) -> str | None:
    named = str(original["Message-ID"]).strip() if original is not None else ""
    ours = re.fullmatch(rf"<(ntc_[0-9a-f]{{32}})@{re.escape(domain)}>", named, re.IGNORECASE)
    return ours[1] if ours else None


def _recipient(status: Message | None) -> Message | None:
    """What is said of the reader: the first part of the status that tells of a failure or a delay."""
    return next((part for part in _parts(status) if _word(part["Action"]) in _ACTIONS), None)


def _word(value: object) -> str:
    return str(value).strip().casefold()


def _address(value: object) -> str | None:
    """`rfc822; jana@example` as the address alone."""
    kind, _, address = str(value).partition(";")
    return address.strip().strip("<>").casefold() if _word(kind) == "rfc822" else None

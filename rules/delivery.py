"""Deliveries: what an answer means, and how much of it is kept."""

import re
import unicodedata

from models.delivery import ANSWER_SHOWN

GONE = 410

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_SECRET = re.compile(
    r"whsec_[\w+/=-]+"  # secrets of endpoints
    r"|\b[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}\b"  # product keys
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # tokens
    r"|(?i:\bbearer\s+\S+)"
    r"|\S+@\S+"  # mail addresses
)
_READ = 4 * ANSWER_SHOWN


def problem_of(status_code: int) -> str | None:
    """Why an answer with this status is no delivery; None if it is one."""
    if 200 <= status_code < 300:
        return None
    if status_code == GONE:
        return "The endpoint says that it is gone for good (410)."
    if 300 <= status_code < 400:
        return f"It answered {status_code}; redirects are not followed."
    return f"It answered {status_code}."


def presentable(answer: bytes) -> str | None:
    """The beginning of an answer as one line, without anything that hides or should not be kept."""
    text = answer[:_READ].decode(errors="replace")
    seen = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in text)
    line = _SECRET.sub("<removed>", " ".join(seen.split()))
    return line[:ANSWER_SHOWN] or None

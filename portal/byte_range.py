"""The part of a file that a Range header asks for (RFC 9110 §14): one range, or the whole."""

import re
from typing import NamedTuple

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class ByteRange(NamedTuple):
    """From `start` up to, and without, `stop`."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many bytes; none when the range begins behind the end."""
        return max(0, self.stop - self.start)


def requested_range(header: str | None, size: int) -> ByteRange | None:
    """The range asked for, cut to the file; None for the whole file, also where the header makes no sense.

    Several ranges at once are answered with the whole file, as the RFC allows.
    """
    found = _ONE_RANGE.fullmatch(header.strip().lower()) if header else None
    if found is None or found.group(0) == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return ByteRange(max(0, size - int(last)), size)
    stop = min(int(last) + 1, size) if last else size
    if last and int(last) < int(first):
        return None
    return ByteRange(int(first), stop)

"""Where a server's Unix socket stands: the address of a socket may be only 107 bytes long."""

import hashlib
import os
import tempfile
from pathlib import Path

from models.stack import StackError, StackProblem
from processes.account import Account

_PATH_BYTES_MAX = 107


def socket_directory(home: Path, socket_name: str, account: Account | None) -> Path:
    """Beside the data, or under the temporary directory when that path is too long.

    The fallback's name is derived from the data directory, so a killed run leaves no second one.
    """
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    name = f"keydesk-{os.geteuid()}-{digest}"
    if _fits(beside := home / "socket", socket_name):
        return beside
    temporary = Path(tempfile.gettempdir()) / name
    return _trusted(temporary if _fits(temporary, socket_name) else Path("/tmp") / name, account)  # noqa: S108


def _fits(place: Path, socket_name: str) -> bool:
    return len(os.fsencode(place / socket_name)) <= _PATH_BYTES_MAX


def _trusted(place: Path, account: Account | None) -> Path:
    """Refuse a directory that somebody else put there first: they could answer in the server's place."""
    owners = {os.geteuid()} | ({account.uid} if account else set())
    if place.is_symlink() or (place.exists() and place.stat().st_uid not in owners):
        raise StackError(
            StackProblem.FOREIGN_DATA,
            f"The socket directory {place} belongs to another account.",
            "Remove it, or set KEYDESK_DATA_DIR to a shorter path.",
        )
    return place

"""The account a server runs as that refuses to be root, and the permissions it needs on the way to its files."""

import os
import pwd
import stat
from pathlib import Path
from typing import NamedTuple

from models.stack import StackError, StackProblem


class Account(NamedTuple):
    """A user and its primary group, by number."""

    uid: int
    gid: int


def account_for(data: Path) -> Account | None:
    """Who the server on this data directory runs as: None is ourselves; root hands over to the owner, or to nobody."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (found := data.stat()).st_uid != 0:
        return Account(found.st_uid, found.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise StackError(
            StackProblem.NO_ACCOUNT,
            "PostgreSQL refuses to run as root, and this machine has no account `nobody`.",
            "Run as a normal user, or set KEYDESK_DATABASE_URL to a PostgreSQL that runs elsewhere.",
        ) from error
    return Account(nobody.pw_uid, nobody.pw_gid)


def own(path: Path, account: Account | None) -> None:
    """Hand a directory to the account, closed to everyone else."""
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)
    if account is not None:
        os.chown(path, account.uid, account.gid)


def open_way(path: Path, account: Account) -> list[Path]:
    """Let the account pass (never read) the directories above a path; returns those that had to be changed."""
    blocking = [
        directory for directory in path.parents if not _may(account, directory.stat(), stat.S_IXUSR)
    ]
    for directory in blocking:
        directory.chmod(stat.S_IMODE(directory.stat().st_mode) | stat.S_IXOTH)
    return blocking


def open_programs(tree: Path, account: Account) -> bool:
    """Let the account read and run installed programs that a strict umask closed; True when it had to be done."""
    if all(_may(account, entry.stat(), stat.S_IRUSR) for entry in (tree, *tree.glob("*/*"))):
        return False
    for entry in (tree, *tree.rglob("*")):
        mode = entry.stat().st_mode
        search = stat.S_IXOTH if mode & stat.S_IXUSR else 0
        entry.chmod(stat.S_IMODE(mode) | stat.S_IROTH | search)
    return True


def _may(account: Account, found: os.stat_result, owner_bit: int) -> bool:
    """Whether the mode bits grant the account what `owner_bit` (S_IRUSR, S_IXUSR) grants the owner."""
    if found.st_uid == account.uid:
        return bool(found.st_mode & owner_bit)
    if found.st_gid == account.gid:
        return bool(found.st_mode & owner_bit >> 3)
    return bool(found.st_mode & owner_bit >> 6)

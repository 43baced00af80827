"""An exclusive lock on a directory, freed by the kernel however its holder dies."""

import fcntl
import os
from pathlib import Path

from models.stack import StackError, StackProblem


class DirectoryLock:
    """One process at a time works in this directory; the lock file says which."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "lock"
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """True while we have it."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock, or say who has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode().strip() or "unknown"
            os.close(descriptor)
            raise StackError(
                StackProblem.LOCKED,
                f"Another run uses the data directory {self._directory}: process {holder}.",
                f"Stop it (kill {holder}), or set KEYDESK_DATA_DIR to another directory.",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; the file stays, so that nobody can lock a file that is being removed."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

"""Letters as files, for a Keydesk without a mail server: one readable message per file."""

import asyncio
import os
import tempfile
from email.policy import default
from pathlib import Path

from integrations.notifier.letter import Letter, compose
from integrations.notifier.protocol import LetterDelayed

_READABLE = default.clone(utf8=True, max_line_length=None)


class DirectoryNotifier:
    """A directory of messages that any mail program opens; names sort by time, only the owner reads them."""

    def __init__(self, directory: Path, sender: str) -> None:
        self._directory = directory
        self._sender = sender

    async def send(self, letter: Letter) -> None:
        """Write the letter under its own name, so that a second sending replaces the first."""
        message = compose(letter, self._sender, "8bit")
        content = message.as_bytes(policy=_READABLE)
        try:
            await asyncio.to_thread(self._write, self.path_of(letter), content)
        except OSError as error:
            raise LetterDelayed(
                f"The mail directory cannot be written: {error.strerror}."
            ) from None

    def path_of(self, letter: Letter) -> Path:
        """`<time>-<number>-<kind>.eml`: the outbox's number tells letters of one instant apart."""
        time = letter.written_at.strftime("%Y%m%dT%H%M%SZ")
        return self._directory / f"{time}-{letter.number:08d}-{letter.kind}.eml"

    def _write(self, place: Path, content: bytes) -> None:
        """Write beside the place, then move in: nobody sees half a letter."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._directory, prefix=".incoming-")
        incoming = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as target:
                target.write(content)
                target.flush()
                os.fsync(target.fileno())
            incoming.replace(place)
        finally:
            incoming.unlink(missing_ok=True)

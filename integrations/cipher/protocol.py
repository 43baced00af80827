"""The seam for secrets at rest: seal, open, and a fingerprint that finds a duplicate without showing it."""

from typing import Protocol

from models.cipher import Sealed


class Cipher(Protocol):
    """Seals texts for one place each; `context` names the place (the row's id) and must be given again to open."""

    def seal(self, plaintext: str, context: str) -> Sealed:
        """Encrypt a text so that it opens only in this context."""
        ...

    def open(self, sealed: Sealed, context: str) -> str:
        """The text again; raises CipherError when the seal is not of this context, or broken."""
        ...

    def fingerprint(self, plaintext: str) -> bytes:
        """The same 32 bytes for the same text, meaningless without the ring."""
        ...

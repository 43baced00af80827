"""The seam for secrets at rest: seal, bind, open, and a fingerprint that finds a duplicate without showing it."""

from typing import Protocol

from models.cipher import Sealed


class Cipher(Protocol):
    """Seals texts for one place each; `context` names the place (the row's id) and must be given again to open.

    `holder` is whose the text is, nothing while it is nobody's.
    """

    def seal(self, plaintext: str, context: str) -> Sealed:
        """Encrypt a text so that it opens only in this context; it is nobody's yet."""
        ...

    def bind(self, sealed: Sealed, context: str, holder: str) -> Sealed:
        """The same text, from now on for this holder only; raises CipherError unless it was nobody's."""
        ...

    def open(self, sealed: Sealed, context: str, holder: str = "") -> str:
        """The text again; raises CipherError when the seal is not of this context and holder, or broken."""
        ...

    def fingerprint(self, plaintext: str) -> bytes:
        """The same 32 bytes for the same text, meaningless without the ring."""
        ...

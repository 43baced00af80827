"""Text at rest: what sealing a secret leaves behind, and the ways a seal cannot be opened."""

from enum import StrEnum

from models.base import Value
from models.errors import KeydeskError

SEAL_VERSION = 2
"""How data keys are wrapped today; 1, without the holder, still opens (ADR 0016)."""


class Sealed(Value):
    """A sealed text: its ciphertext, its own data key wrapped by a ring key, which one, and in which way."""

    ciphertext: bytes
    wrapped_key: bytes
    ring_key_id: str
    version: int


class CipherProblem(StrEnum):
    """Stable codes of what can be wrong with a key ring or a seal."""

    RING_INVALID = "key_ring_invalid"
    RING_KEY_MISSING = "ring_key_missing"
    SEAL_BROKEN = "seal_broken"


class CipherError(KeydeskError):
    """A seal that trying again cannot open; the text names the ring key at most, never a secret."""

    def __init__(self, problem: CipherProblem, message: str) -> None:
        super().__init__(problem, message)

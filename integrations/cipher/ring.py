"""The cipher under a ring of keys: a data key for each text, wrapped by the ring's current key (ADR 0006)."""

import base64
import hashlib
import hmac
import json
import secrets
from typing import Annotated

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BeforeValidator, Field, SecretStr, ValidationError

from models.base import Value
from models.cipher import CipherError, CipherProblem, Sealed

_KEY_BYTES = 32
_NONCE_BYTES = 12
_BROKEN = "A stored secret does not open in its place: it was moved or changed."


def _decode_key(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("must be base64 text")
    key = base64.b64decode(text, validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError(f"must be {_KEY_BYTES} bytes in base64")
    return key


KeyBytes = Annotated[bytes, BeforeValidator(_decode_key)]
RingKeyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]


class _Ring(Value):
    """The ring as configured; keys other than the current one only open what they once sealed."""

    current: RingKeyId
    keys: dict[RingKeyId, KeyBytes] = Field(repr=False)
    fingerprint: KeyBytes = Field(repr=False)


class RingCipher:
    """AES-256-GCM with one random data key per text; the ring's keys only ever encrypt data keys."""

    def __init__(self, ring: SecretStr) -> None:
        parsed = _parse(ring)
        self.current = parsed.current
        self._ring_keys = {name: AESGCM(key) for name, key in parsed.keys.items()}
        self.ring_key_ids = frozenset(parsed.keys)
        self._fingerprint_key = parsed.fingerprint

    def seal(self, plaintext: str, context: str) -> Sealed:
        """Encrypt under a fresh data key, and that key under the ring's current one."""
        data_key = AESGCM.generate_key(bit_length=256)
        return Sealed(
            ciphertext=_encrypt(AESGCM(data_key), plaintext.encode(), _text_place(context)),
            wrapped_key=_encrypt(
                self._ring_keys[self.current], data_key, _key_place(context, self.current)
            ),
            ring_key_id=self.current,
        )

    def open(self, sealed: Sealed, context: str) -> str:
        """Unwrap the data key, decrypt the text; both are tied to the context."""
        data_key = self._unwrap(sealed, context)
        try:
            return _decrypt(AESGCM(data_key), sealed.ciphertext, _text_place(context)).decode()
        except (InvalidTag, ValueError):
            # The cause is cut off: a traceback must not carry what was half decrypted.
            raise CipherError(CipherProblem.SEAL_BROKEN, _BROKEN) from None

    def rewrap(self, sealed: Sealed, context: str) -> Sealed:
        """The same text and data key, wrapped anew by the current ring key; the text is not looked at."""
        data_key = self._unwrap(sealed, context)
        place = _key_place(context, self.current)
        wrapped_key = _encrypt(self._ring_keys[self.current], data_key, place)
        return Sealed(
            ciphertext=sealed.ciphertext, wrapped_key=wrapped_key, ring_key_id=self.current
        )

    def _unwrap(self, sealed: Sealed, context: str) -> bytes:
        ring_key = self._ring_keys.get(sealed.ring_key_id)
        if ring_key is None:
            raise CipherError(
                CipherProblem.RING_KEY_MISSING,
                f"The key ring has no key {sealed.ring_key_id!r}; a secret sealed by it stays shut.",
            )
        try:
            place = _key_place(context, sealed.ring_key_id)
            return _decrypt(ring_key, sealed.wrapped_key, place)
        except (InvalidTag, ValueError):
            raise CipherError(CipherProblem.SEAL_BROKEN, _BROKEN) from None

    def fingerprint(self, plaintext: str) -> bytes:
        """HMAC-SHA256 under a secret of its own, which outlives every rotation of the ring's keys."""
        return hmac.digest(self._fingerprint_key, plaintext.encode(), hashlib.sha256)


def make_ring() -> str:
    """A new ring with one random key, as the JSON that KEYDESK_KEY_RING holds."""
    return json.dumps(
        {"current": "k1", "keys": {"k1": _random_key()}, "fingerprint": _random_key()}
    )


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")


def _parse(ring: SecretStr) -> _Ring:
    try:
        parsed = _Ring.model_validate_json(ring.get_secret_value())
    except ValidationError as error:
        raise CipherError(CipherProblem.RING_INVALID, _explain(error)) from None
    if parsed.current not in parsed.keys:
        raise CipherError(
            CipherProblem.RING_INVALID,
            f"The key ring calls {parsed.current!r} current and has no such key.",
        )
    if parsed.fingerprint in parsed.keys.values():
        raise CipherError(
            CipherProblem.RING_INVALID, "The fingerprint secret must not be a ring key as well."
        )
    return parsed


def _explain(error: ValidationError) -> str:
    """Where the ring is wrong, by our own field names only: what stands in it is secret."""
    known = {
        str(problem["loc"][0]) for problem in error.errors(include_input=False) if problem["loc"]
    }
    where = ", ".join(sorted(known & set(_Ring.model_fields))) or "the document"
    return (
        f"The key ring is malformed at: {where}. It is JSON with `current`, `keys`"
        f" (id to {_KEY_BYTES} bytes in base64) and `fingerprint` ({_KEY_BYTES} bytes in base64)."
    )


def _text_place(context: str) -> bytes:
    # Not tied to the ring key, so that a rotation can wrap the data key anew and leave the text.
    return f"keydesk/v1/text\0{context}".encode()


def _key_place(context: str, ring_key_id: str) -> bytes:
    return f"keydesk/v1/data-key\0{ring_key_id}\0{context}".encode()


def _encrypt(key: AESGCM, plain: bytes, place: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + key.encrypt(nonce, plain, place)


def _decrypt(key: AESGCM, sealed: bytes, place: bytes) -> bytes:
    return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)

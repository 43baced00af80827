"""The cipher under a ring of keys: a data key for each text, wrapped by the ring's current key (ADR 0006, 0016)."""

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
from models.cipher import SEAL_VERSION, CipherError, CipherProblem, Sealed

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
        text = _encrypt(AESGCM(data_key), plaintext.encode(), _text_place(context))
        return self._wrap(data_key, text, context, "")

    def bind(self, sealed: Sealed, context: str, holder: str) -> Sealed:
        """The data key of a text that is nobody's, wrapped anew for its holder; the text is not looked at."""
        return self._wrap(self._unwrap(sealed, context, ""), sealed.ciphertext, context, holder)

    def is_whole(self, sealed: Sealed, context: str, holder: str = "") -> bool:
        """Whether the data key comes out in this place; raises CipherError when the ring lacks what it needs."""
        try:
            self._unwrap(sealed, context, holder)
        except CipherError as error:
            if error.code != CipherProblem.SEAL_BROKEN:
                raise
            return False
        return True

    def open(self, sealed: Sealed, context: str, holder: str = "") -> str:
        """Unwrap the data key, decrypt the text; both are tied to the context, the data key to the holder too."""
        data_key = self._unwrap(sealed, context, holder)
        try:
            return _decrypt(AESGCM(data_key), sealed.ciphertext, _text_place(context)).decode()
        except (InvalidTag, ValueError):
            # The cause is cut off: a traceback must not carry what was half decrypted.
            raise CipherError(CipherProblem.SEAL_BROKEN, _BROKEN) from None

    def rewrap(self, sealed: Sealed, context: str, holder: str = "") -> Sealed:
        """The same for the same holder, wrapped by the current ring key in today's way."""
        return self._wrap(self._unwrap(sealed, context, holder), sealed.ciphertext, context, holder)

    def _wrap(self, data_key: bytes, ciphertext: bytes, context: str, holder: str) -> Sealed:
        place = _key_place(SEAL_VERSION, self.current, context, holder)
        return Sealed(
            ciphertext=ciphertext,
            wrapped_key=_encrypt(self._ring_keys[self.current], data_key, place),
            ring_key_id=self.current,
            version=SEAL_VERSION,
        )

    def _unwrap(self, sealed: Sealed, context: str, holder: str) -> bytes:
        ring_key = self._ring_keys.get(sealed.ring_key_id)
        if ring_key is None:
            raise CipherError(
                CipherProblem.RING_KEY_MISSING,
                f"The key ring has no key {sealed.ring_key_id!r}; a secret sealed by it stays shut.",
            )
        try:
            place = _key_place(sealed.version, sealed.ring_key_id, context, holder)
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
    # What may change later (ring key, version, holder) is tied to the data key, so that the text can be left alone.
    return f"keydesk/v1/text\0{context}".encode()


def _key_place(version: int, ring_key_id: str, context: str, holder: str) -> bytes:
    place = f"keydesk/v{version}/data-key\0{ring_key_id}\0{context}"
    # The first way knew no holder.
    return (place if version == 1 else f"{place}\0{holder}").encode()


def _encrypt(key: AESGCM, plain: bytes, place: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + key.encrypt(nonce, plain, place)


def _decrypt(key: AESGCM, sealed: bytes, place: bytes) -> bytes:
    return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)

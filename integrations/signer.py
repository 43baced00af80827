"""Signatures over the revocation feed: Ed25519 under a ring of keys, and their check by whoever has the public ones."""

import base64
import json
import secrets
from typing import Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BeforeValidator, Field, SecretStr, ValidationError

from models.base import Value
from models.errors import KeydeskError
from models.revocation import FeedFlaw, KeyId, RevocationKey, RevocationKeys, SavedRevocations
from rules.revocation import feed_flaw, signed_text

_SEED_BYTES = 32


def _decode(text: object) -> bytes:
    seed = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    if len(seed) != _SEED_BYTES:
        raise ValueError(f"must be {_SEED_BYTES} bytes in base64")
    return seed


class _Ring(Value):
    """The keys as configured; those that are not current no longer sign and still verify."""

    current: KeyId
    keys: dict[KeyId, Annotated[bytes, BeforeValidator(_decode)]] = Field(repr=False)


class Signer:
    """Signs with the ring's current key."""

    def __init__(self, ring: SecretStr) -> None:
        parsed = _parse(ring)
        self.current = parsed.current
        self._keys = {
            name: Ed25519PrivateKey.from_private_bytes(seed) for name, seed in parsed.keys.items()
        }

    def sign(self, text: bytes) -> str:
        """Base64 of the signature."""
        return base64.b64encode(self._keys[self.current].sign(text)).decode("ascii")

    def public_keys(self) -> RevocationKeys:
        """What verifies, the current key first."""
        names = sorted(self._keys, key=lambda name: (name != self.current, name))
        return RevocationKeys(
            items=tuple(
                RevocationKey(
                    key_id=name,
                    public_key=base64.b64encode(
                        self._keys[name].public_key().public_bytes_raw()
                    ).decode("ascii"),
                )
                for name in names
            )
        )


def untrusted(feed: SavedRevocations, keys: RevocationKeys) -> FeedFlaw | None:
    """Why a saved feed is not to be trusted under these public keys; None if every page is signed and in place."""
    known = {key.key_id: base64.b64decode(key.public_key) for key in keys.items}
    for page in feed.pages:
        if page.key_id not in known:
            return FeedFlaw.UNKNOWN_KEY
        try:
            verifier = Ed25519PublicKey.from_public_bytes(known[page.key_id])
            verifier.verify(base64.b64decode(page.signature), signed_text(page))
        except (InvalidSignature, ValueError):
            return FeedFlaw.BAD_SIGNATURE
    return feed_flaw(feed)


def make_signing_ring() -> str:
    """A new ring with one random key, as the JSON that KEYDESK_REVOCATION_RING holds."""
    seed = base64.b64encode(secrets.token_bytes(_SEED_BYTES)).decode("ascii")
    return json.dumps({"current": "r1", "keys": {"r1": seed}})


def _parse(ring: SecretStr) -> _Ring:
    try:
        parsed = _Ring.model_validate_json(ring.get_secret_value())
    except ValidationError:
        parsed = None
    if parsed is None or parsed.current not in parsed.keys:
        # Cut off, since what pydantic saw is secret.
        raise KeydeskError(
            "revocation_ring_invalid",
            "The revocation ring is malformed. It is JSON with `current` and `keys`"
            f" (id to {_SEED_BYTES} bytes in base64); `current` names one of the keys.",
        ) from None
    return parsed

"""The revocation feed: which product keys are revoked, told by keyed hashes in signed and chained pages."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from models.base import Value

Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]


class Revocation(Value):
    """One revoked key: the keyed hash of its 25 characters, and when it died (whole seconds, UTC)."""

    number: int = Field(ge=1, description="Its place in the epoch; the places have no gap.")
    digest: Hash
    revoked_at: AwareDatetime


class RevocationPage(Value):
    """A stretch of the feed, signed: the entries after `after`, and what the whole feed looked like then.

    `signature` is Ed25519 over the text of `rules.revocation.signed_text`; `chain` covers every entry of
    the epoch up to the last one here, so a page left out, changed or put elsewhere does not fit.
    """

    epoch: int = Field(ge=1)
    epoch_key: Hash = Field(description="The key of the keyed hashes of this epoch.")
    after: int = Field(ge=0)
    entries: tuple[Revocation, ...]
    total: int = Field(ge=0, description="How many entries the epoch had when this was issued.")
    previous_chain: Hash
    chain: Hash
    issued_at: AwareDatetime
    key_id: KeyId
    signature: str = Field(description="Base64 of 64 bytes.")
    next: str | None = Field(description="The cursor of the page after it; null on the last one.")


class RevocationKey(Value):
    """A public key that verifies pages."""

    key_id: KeyId
    public_key: str = Field(
        pattern=r"^[A-Za-z0-9+/]{43}=$",
        description="Base64 of the 32 bytes of an Ed25519 public key.",
    )


class RevocationKeys(Value):
    """Every public key that pages may be signed by; keep a copy that did not come with the feed."""

    items: tuple[RevocationKey, ...]


class SavedRevocations(Value):
    """A whole feed in one file, page after page as they came."""

    pages: tuple[RevocationPage, ...] = Field(min_length=1)


class FeedFlaw(StrEnum):
    """Why a saved feed is not to be trusted."""

    UNKNOWN_KEY = "feed_key_unknown"
    BAD_SIGNATURE = "feed_signature_wrong"
    BROKEN_CHAIN = "feed_chain_broken"
    INCOMPLETE = "feed_incomplete"
    TOO_OLD = "feed_too_old"


class KeyCheck(Value):
    """What a saved feed says of one key, as of the instant it was issued."""

    revoked: bool
    revoked_at: AwareDatetime | None
    as_of: AwareDatetime
    epoch: int

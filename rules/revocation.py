"""The revocation feed's arithmetic: keyed hashes, the chain of a feed, and the text that is signed."""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from models.product_key import KEY_PATTERN
from models.revocation import FeedFlaw, KeyCheck, Revocation, RevocationPage, SavedRevocations

_FORMAT = "keydesk-revocations-v1"

CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of ours the clock of whoever signed a feed may be."""


def normal_key(text: str) -> str | None:
    """The key as it was issued, from what somebody typed; None if it cannot be one."""
    key = text.strip().upper()
    return key if KEY_PATTERN.fullmatch(key) else None


def digest_of(product_key: str, epoch_key: bytes) -> bytes:
    """HMAC-SHA256 of the 29 characters of a key, groups and dashes, under the epoch's key."""
    return hmac.digest(epoch_key, product_key.encode("ascii"), hashlib.sha256)


def first_chain(epoch: int, epoch_key: bytes) -> bytes:
    """What the chain of an epoch begins with, so that no epoch can pose as another."""
    return hashlib.sha256(f"{_FORMAT}\n{epoch}\n".encode() + epoch_key).digest()


def next_chain(previous: bytes, digest: bytes, revoked_at: datetime) -> bytes:
    """The chain after one more entry: SHA-256 of the chain before, the digest, and the instant as text."""
    return hashlib.sha256(previous + digest + instant(revoked_at).encode()).digest()


def instant(moment: datetime) -> str:
    """`2026-03-02T09:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def signed_text(page: RevocationPage) -> bytes:
    """The bytes that the signature is over: nine lines, none of which can hold a line break."""
    lines = (
        _FORMAT,
        page.epoch,
        page.epoch_key,
        page.after,
        page.after + len(page.entries),
        page.total,
        page.previous_chain,
        page.chain,
        instant(page.issued_at),
    )
    return "".join(f"{line}\n" for line in lines).encode()


def chain_of(previous: bytes, entries: Iterable[Revocation]) -> bytes:
    """The chain after these entries."""
    chain = previous
    for entry in entries:
        chain = next_chain(chain, bytes.fromhex(entry.digest), entry.revoked_at)
    return chain


def feed_flaw(feed: SavedRevocations) -> FeedFlaw | None:
    """What is wrong with the order of the pages, apart from their signatures; None for a whole feed.

    A feed that grew while it was read is whole: what counts is the last page's own total.
    """
    first, last = feed.pages[0], feed.pages[-1]
    chain, place = first_chain(first.epoch, bytes.fromhex(first.epoch_key)).hex(), 0
    for page in feed.pages:
        numbers = [entry.number for entry in page.entries]
        fits = (
            (page.epoch, page.epoch_key) == (first.epoch, first.epoch_key)
            and (page.after, page.previous_chain) == (place, chain)
            and numbers == list(range(place + 1, place + len(numbers) + 1))
            and chain_of(bytes.fromhex(chain), page.entries).hex() == page.chain
        )
        if not fits:
            return FeedFlaw.BROKEN_CHAIN
        chain, place = page.chain, place + len(numbers)
    return FeedFlaw.INCOMPLETE if place != last.total else None


def check_key(product_key: str, feed: SavedRevocations) -> KeyCheck:
    """What a feed that was found whole says of a key; as of its oldest page, which is all it can vouch for."""
    page = feed.pages[0]
    digest = digest_of(product_key, bytes.fromhex(page.epoch_key)).hex()
    found = next(
        (entry for page in feed.pages for entry in page.entries if entry.digest == digest), None
    )
    return KeyCheck(
        revoked=found is not None,
        revoked_at=found.revoked_at if found else None,
        as_of=feed.pages[-1].issued_at,
        epoch=page.epoch,
    )

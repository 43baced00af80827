"""Signatures of the feed: the ring's current key signs, retired ones still verify, strangers never do."""

import json

import pytest
from pydantic import SecretStr

from integrations.signer import Signer, make_signing_ring, untrusted
from models.errors import KeydeskError
from models.revocation import FeedFlaw, SavedRevocations
from rules.revocation import signed_text
from tests.rules.test_revocation import feed


def signed(signer: Signer, saved: SavedRevocations) -> SavedRevocations:
    pages = (page.model_copy(update={"key_id": signer.current}) for page in saved.pages)
    return SavedRevocations(
        pages=tuple(
            page.model_copy(update={"signature": signer.sign(signed_text(page))}) for page in pages
        )
    )


@pytest.fixture
def ring() -> dict[str, object]:
    loaded: dict[str, object] = json.loads(make_signing_ring())
    return loaded


def test_a_signed_feed_is_trusted_also_after_a_rotation(ring: dict[str, object]) -> None:
    old = Signer(SecretStr(json.dumps(ring)))
    saved = signed(old, feed(5, 2))
    assert untrusted(saved, old.public_keys()) is None

    keys = {
        **json.loads(make_signing_ring())["keys"],
        "r0": json.loads(json.dumps(ring))["keys"]["r1"],
    }
    new = Signer(SecretStr(json.dumps({"current": "r1", "keys": keys})))
    renamed = SavedRevocations(
        pages=tuple(page.model_copy(update={"key_id": "r0"}) for page in saved.pages)
    )
    assert [key.key_id for key in new.public_keys().items] == ["r1", "r0"]
    assert untrusted(renamed, new.public_keys()) is None
    assert untrusted(saved, new.public_keys()) is FeedFlaw.BAD_SIGNATURE


def test_a_stranger_is_not_trusted(ring: dict[str, object]) -> None:
    ours, stranger = Signer(SecretStr(json.dumps(ring))), Signer(SecretStr(make_signing_ring()))
    saved = signed(stranger, feed(5, 2))

    assert untrusted(saved, ours.public_keys()) is FeedFlaw.BAD_SIGNATURE
    unknown = SavedRevocations(
        pages=(saved.pages[0].model_copy(update={"key_id": "other"}), *saved.pages[1:])
    )
    assert untrusted(unknown, stranger.public_keys()) is FeedFlaw.UNKNOWN_KEY


@pytest.mark.parametrize("signature", ["", "!", "AAAA"])
def test_what_is_no_signature_is_a_wrong_one(ring: dict[str, object], signature: str) -> None:
    signer = Signer(SecretStr(json.dumps(ring)))
    page = signed(signer, feed(1, 2)).pages[0].model_copy(update={"signature": signature})

    found = untrusted(SavedRevocations(pages=(page,)), signer.public_keys())
    assert found is FeedFlaw.BAD_SIGNATURE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"current": "r1", "keys": {}}',
        '{"current": "r2", "keys": {"r1": "AAAA"}}',
        '{"current": "r1", "keys": {"r1": "c2hvcnQ="}}',
    ],
)
def test_a_malformed_ring_is_refused_without_its_content(text: str) -> None:
    with pytest.raises(KeydeskError) as refused:
        Signer(SecretStr(text))

    assert refused.value.code == "revocation_ring_invalid"
    assert "c2hvcnQ" not in refused.value.message

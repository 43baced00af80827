"""Secrets at rest: what is sealed opens in its own place only, and never tells anything else."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from integrations.cipher.ring import RingCipher, make_ring
from models.cipher import CipherError, CipherProblem, Sealed

PRODUCT_KEY = "ABCDE-FGHJK-LMNPQ-RSTUV-WXYZ2"
RING = SecretStr(make_ring())
CIPHER = RingCipher(RING)


def _key(fill: int) -> str:
    return base64.b64encode(bytes([fill]) * 32).decode()


def _ring(current: str, **keys: int) -> SecretStr:
    named = {name: _key(fill) for name, fill in keys.items()}
    return SecretStr(json.dumps({"current": current, "keys": named, "fingerprint": _key(255)}))


def _refusal(cipher: RingCipher, sealed: Sealed, context: str) -> CipherError:
    with pytest.raises(CipherError) as refused:
        cipher.open(sealed, context)
    return refused.value


@given(plaintext=st.text(), context=st.text())
def test_what_is_sealed_opens_in_its_own_context(plaintext: str, context: str) -> None:
    assert CIPHER.open(CIPHER.seal(plaintext, context), context) == plaintext


@given(context=st.text(), other=st.text())
def test_a_row_moved_to_another_place_stays_shut(context: str, other: str) -> None:
    sealed = CIPHER.seal(PRODUCT_KEY, context)

    if context != other:
        assert _refusal(CIPHER, sealed, other).code == CipherProblem.SEAL_BROKEN


@given(holder=st.text(min_size=1), other=st.text())
def test_a_bound_text_opens_for_its_holder_only(holder: str, other: str) -> None:
    bound = CIPHER.bind(CIPHER.seal(PRODUCT_KEY, "key_1"), "key_1", holder)

    assert CIPHER.open(bound, "key_1", holder) == PRODUCT_KEY
    assert CIPHER.rewrap(bound, "key_1", holder).version == 2
    for stranger in {other, ""} - {holder}:
        with pytest.raises(CipherError) as refused:
            CIPHER.open(bound, "key_1", stranger)
        assert refused.value.code == CipherProblem.SEAL_BROKEN
        assert not CIPHER.is_whole(bound, "key_1", stranger)
        with pytest.raises(CipherError):
            CIPHER.rewrap(bound, "key_1", stranger)


def test_a_bound_text_is_not_bound_to_somebody_else() -> None:
    bound = CIPHER.bind(CIPHER.seal(PRODUCT_KEY, "key_1"), "key_1", "par_1")

    with pytest.raises(CipherError) as refused:
        CIPHER.bind(bound, "key_1", "par_2")

    assert refused.value.code == CipherProblem.SEAL_BROKEN


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_seal_that_claims_another_version_stays_shut(version: int) -> None:
    sealed = CIPHER.seal(PRODUCT_KEY, "key_1").model_copy(update={"version": version})

    assert _refusal(CIPHER, sealed, "key_1").code == CipherProblem.SEAL_BROKEN


@pytest.mark.parametrize("swapped", ["ciphertext", "wrapped_key"])
def test_two_rows_with_one_part_swapped_stay_shut(swapped: str) -> None:
    first, second = CIPHER.seal(PRODUCT_KEY, "key_1"), CIPHER.seal(PRODUCT_KEY, "key_2")

    mixed = first.model_copy(update={swapped: getattr(second, swapped)})

    assert _refusal(CIPHER, mixed, "key_1").code == CipherProblem.SEAL_BROKEN
    assert _refusal(CIPHER, mixed, "key_2").code == CipherProblem.SEAL_BROKEN


@given(part=st.sampled_from(["ciphertext", "wrapped_key"]), data=st.data())
def test_every_changed_bit_is_noticed(part: str, data: st.DataObject) -> None:
    sealed = CIPHER.seal(PRODUCT_KEY, "key_1")
    content = bytearray(getattr(sealed, part))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))

    changed = sealed.model_copy(update={part: bytes(content)})

    assert _refusal(CIPHER, changed, "key_1").code == CipherProblem.SEAL_BROKEN


@pytest.mark.parametrize("length", [0, 1, 11, 12, 27])
@pytest.mark.parametrize("part", ["ciphertext", "wrapped_key"])
def test_a_cut_off_row_is_broken_and_nothing_worse(part: str, length: int) -> None:
    sealed = CIPHER.seal(PRODUCT_KEY, "key_1")

    cut = sealed.model_copy(update={part: getattr(sealed, part)[:length]})

    assert _refusal(CIPHER, cut, "key_1").code == CipherProblem.SEAL_BROKEN


def test_sealing_twice_gives_nothing_in_common() -> None:
    first, second = CIPHER.seal(PRODUCT_KEY, "key_1"), CIPHER.seal(PRODUCT_KEY, "key_1")

    assert first.ciphertext != second.ciphertext
    assert first.wrapped_key != second.wrapped_key
    assert PRODUCT_KEY.encode() not in first.ciphertext + first.wrapped_key


def test_a_rotated_ring_opens_old_rows_and_seals_with_the_new_key() -> None:
    before = RingCipher(_ring("k1", k1=1))
    after = RingCipher(_ring("k2", k1=1, k2=2))
    old = before.seal(PRODUCT_KEY, "key_1")

    new = after.seal(PRODUCT_KEY, "key_2")

    assert after.open(old, "key_1") == PRODUCT_KEY
    assert (old.ring_key_id, new.ring_key_id) == ("k1", "k2")
    assert before.fingerprint(PRODUCT_KEY) == after.fingerprint(PRODUCT_KEY)


def test_a_rewrapped_row_needs_the_old_ring_key_no_more() -> None:
    old = RingCipher(_ring("k1", k1=1)).seal(PRODUCT_KEY, "key_1")

    new = RingCipher(_ring("k2", k1=1, k2=2)).rewrap(old, "key_1")

    assert (new.ring_key_id, new.ciphertext) == ("k2", old.ciphertext)
    assert RingCipher(_ring("k2", k2=2)).open(new, "key_1") == PRODUCT_KEY


@pytest.mark.parametrize("swapped", ["ciphertext", "wrapped_key"])
def test_rewrapping_mends_no_swapped_part(swapped: str) -> None:
    before, after = RingCipher(_ring("k1", k1=1)), RingCipher(_ring("k2", k1=1, k2=2))
    first, second = before.seal(PRODUCT_KEY, "key_1"), before.seal(PRODUCT_KEY, "key_2")
    mixed = first.model_copy(update={swapped: getattr(second, swapped)})

    with pytest.raises(CipherError) as refused:
        after.open(after.rewrap(mixed, "key_1"), "key_1")

    assert refused.value.code == CipherProblem.SEAL_BROKEN


def test_rewrapping_without_the_old_ring_key_is_refused() -> None:
    sealed = RingCipher(_ring("k1", k1=1)).seal(PRODUCT_KEY, "key_1")

    with pytest.raises(CipherError) as refused:
        RingCipher(_ring("k2", k2=2)).rewrap(sealed, "key_1")

    assert refused.value.code == CipherProblem.RING_KEY_MISSING


def test_a_row_relabelled_to_another_ring_key_stays_shut() -> None:
    # Both names hold the same bytes, so only the associated data can tell them apart.
    cipher = RingCipher(_ring("k1", k1=1, k2=1))
    sealed = cipher.seal(PRODUCT_KEY, "key_1")

    relabelled = sealed.model_copy(update={"ring_key_id": "k2"})

    assert _refusal(cipher, relabelled, "key_1").code == CipherProblem.SEAL_BROKEN


def test_a_withdrawn_ring_key_is_named_and_permanent() -> None:
    sealed = RingCipher(_ring("k1", k1=1)).seal(PRODUCT_KEY, "key_1")

    refusal = _refusal(RingCipher(_ring("k2", k2=2)), sealed, "key_1")

    assert refusal.code == CipherProblem.RING_KEY_MISSING
    assert refusal.permanent
    assert "'k1'" in refusal.message


def test_fingerprints_tell_texts_apart_and_need_the_ring() -> None:
    other = RingCipher(SecretStr(make_ring()))

    assert len(CIPHER.fingerprint(PRODUCT_KEY)) == 32
    assert CIPHER.fingerprint(PRODUCT_KEY) == RingCipher(RING).fingerprint(PRODUCT_KEY)
    assert CIPHER.fingerprint(PRODUCT_KEY) != CIPHER.fingerprint(PRODUCT_KEY[::-1])
    assert CIPHER.fingerprint(PRODUCT_KEY) != other.fingerprint(PRODUCT_KEY)


GOOD: dict[str, Any] = {"current": "k1", "keys": {"k1": _key(1)}, "fingerprint": _key(2)}


@pytest.mark.parametrize(
    "ring",
    [
        "",
        "hunter2-not-json",
        "[]",
        json.dumps(GOOD | {"current": "k9"}),
        json.dumps(GOOD | {"keys": {}}),
        json.dumps(GOOD | {"keys": {"k1": "hunter2"}}),
        json.dumps(GOOD | {"keys": {"k1": base64.b64encode(b"hunter2" * 4).decode()}}),
        json.dumps(GOOD | {"keys": {"k1": 7}}),
        json.dumps(GOOD | {"keys": {"k 1": _key(1)}, "current": "k 1"}),
        json.dumps(GOOD | {"fingerprint": "hunter2"}),
        json.dumps(GOOD | {"fingerprint": _key(1)}),
        json.dumps(GOOD | {"hunter2": "surplus"}),
        json.dumps({name: GOOD[name] for name in ("current", "keys")}),
    ],
)
def test_a_bad_ring_is_refused_without_being_repeated(ring: str) -> None:
    with pytest.raises(CipherError) as refused:
        RingCipher(SecretStr(ring))

    assert refused.value.code == CipherProblem.RING_INVALID
    assert refused.value.permanent
    for secret in ("hunter2", _key(1), base64.b64encode(b"hunter2" * 4).decode()):
        assert secret not in refused.value.message


def test_no_secret_shows_in_a_representation() -> None:
    secrets = json.loads(RING.get_secret_value())

    shown = repr(CIPHER) + repr(CIPHER.seal(PRODUCT_KEY, "key_1"))

    assert secrets["keys"]["k1"] not in shown
    assert PRODUCT_KEY not in shown

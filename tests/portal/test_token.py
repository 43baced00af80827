"""Bearer tokens: ours and a provider's are read, and everything a forger may try gets one answer."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from pydantic import SecretStr

from models.errors import KeydeskError, Unauthenticated
from portal.token import Provider, issue, read_provider, verify, verify_oidc

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SECRET = SecretStr("s" * 48)
USER = "usr_alice_admin"

ISSUER = "https://id.example/realm"
AUDIENCE = "keydesk"
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"})
EC = ECKey.generate_key("P-256", {"kid": "ec-1"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa-1"})
PROVIDER = Provider(KeySet([RSA, EC]), ISSUER, AUDIENCE)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _dev_claims(**changed: Any) -> dict[str, Any]:
    claims = {
        "iss": "keydesk-dev",
        "aud": "keydesk",
        "sub": USER,
        "iat": _seconds(NOW),
        "exp": _seconds(NOW) + 60,
    }
    return {name: value for name, value in (claims | changed).items() if value is not None}


def _oidc_claims(**changed: Any) -> dict[str, Any]:
    return _dev_claims(**{"iss": ISSUER, "aud": AUDIENCE, "sub": "oidc|alice"} | changed)


def _segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _by_hand(header: dict[str, Any], claims: dict[str, Any], key: bytes | None) -> str:
    """A token made without the library, as a forger makes it: HMAC by any key, or no signature."""
    signed = ".".join(_segment(json.dumps(part).encode()) for part in (header, claims))
    signature = b"" if key is None else hmac.digest(key, signed.encode(), hashlib.sha256)
    return f"{signed}.{_segment(signature)}"


def _dev(claims: dict[str, Any], **header: Any) -> str:
    return _by_hand({"alg": "HS256", "typ": "JWT"} | header, claims, b"s" * 48)


def _oidc(claims: dict[str, Any], key: RSAKey | ECKey = RSA, **header: Any) -> str:
    alg = "RS256" if isinstance(key, RSAKey) else "ES256"
    whole = {"alg": alg, "typ": "JWT", "kid": key.kid} | header
    registry = JWSRegistry(algorithms=["RS256", "ES256", "PS256"], strict_check_header=False)
    return jwt.encode(whole, claims, key, registry=registry)


def _dev_refusal(token: str | None, now: datetime = NOW) -> str:
    with pytest.raises(Unauthenticated) as refused:
        verify(SECRET, token, now)
    return refused.value.code


def _oidc_refusal(token: str | None, now: datetime = NOW) -> str:
    with pytest.raises(Unauthenticated) as refused:
        verify_oidc(PROVIDER, token, now)
    return refused.value.code


def test_an_issued_token_names_its_user() -> None:
    assert verify(SECRET, issue(SECRET, USER, NOW), NOW) == USER


def test_a_token_made_by_hand_with_our_secret_is_the_same() -> None:
    assert verify(SECRET, _dev(_dev_claims()), NOW) == USER


def test_a_token_lives_twelve_hours_to_the_second() -> None:
    token = issue(SECRET, USER, NOW)
    end = NOW + timedelta(hours=12)

    assert verify(SECRET, token, end - SECOND) == USER
    assert _dev_refusal(token, end) == "token_expired"
    assert _dev_refusal(token, end + SECOND) == "token_expired"


def test_a_token_from_the_future_is_invalid() -> None:
    assert _dev_refusal(issue(SECRET, USER, NOW), NOW - SECOND) == "token_invalid"


@pytest.mark.parametrize("token", [None, ""])
def test_no_token_is_missing(token: str | None) -> None:
    assert _dev_refusal(token) == "token_missing"
    assert _oidc_refusal(token) == "token_missing"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "keydesk"},
        {"iss": None},
        {"iss": ["keydesk-dev"]},
        {"aud": "other"},
        {"aud": None},
        {"aud": ["other"]},
        {"aud": 7},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"iat": None},
        {"iat": "now"},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": True},
        {"nbf": _seconds(NOW) + 1},
    ],
)
def test_wrong_claims_are_invalid(changed: dict[str, Any]) -> None:
    assert _dev_refusal(_dev(_dev_claims(**changed))) == "token_invalid"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, "HS512", "RS256", "hs256", 7])
def test_another_algorithm_is_invalid_whatever_it_is_signed_by(alg: object) -> None:
    for key in (None, b"", b"s" * 48):
        assert _dev_refusal(_by_hand({"alg": alg, "typ": "JWT"}, _dev_claims(), key)) == (
            "token_invalid"
        )


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JOSE"},
        {"typ": None},
        {"typ": ["JWT"]},
        {"crit": ["exp"]},
        {"jwk": {"kty": "oct", "k": _segment(b"forged" * 8)}, "kid": "../../dev/null"},
    ],
)
def test_a_strange_header_is_invalid(header: dict[str, Any]) -> None:
    key = b"forged" * 8 if "jwk" in header else b"s" * 48
    token = _by_hand({"alg": "HS256", "typ": "JWT"} | header, _dev_claims(), key)

    assert _dev_refusal(token) == "token_invalid"


@pytest.mark.parametrize("key", [b"", b"\0", b"s" * 47, b"secret"])
def test_another_secret_is_invalid(key: bytes) -> None:
    token = _by_hand({"alg": "HS256", "typ": "JWT"}, _dev_claims(), key)

    assert _dev_refusal(token) == "token_invalid"


def test_an_empty_secret_is_no_secret() -> None:
    forged = _by_hand({"alg": "HS256", "typ": "JWT"}, _dev_claims(), b"")

    with pytest.raises(ValueError, match="empty"):
        verify(SecretStr(""), forged, NOW)
    with pytest.raises(ValueError, match="empty"):
        issue(SecretStr(""), USER, NOW)


@given(place=st.integers(0, 10_000), character=st.sampled_from("Aa0_-."))
def test_a_changed_character_is_never_another_user(place: int, character: str) -> None:
    token = issue(SECRET, USER, NOW)
    at = place % len(token)
    changed = token[:at] + character + token[at + 1 :]

    # The last character has bits that belong to no byte; changing only those changes nothing.
    same = changed == token or at == len(token) - 1
    if not same:
        assert _dev_refusal(changed) == "token_invalid"


@given(token=st.text(min_size=1))
def test_any_text_is_answered_with_invalid(token: str) -> None:
    assert _dev_refusal(token) == "token_invalid"
    assert _oidc_refusal(token) == "token_invalid"


@given(parts=st.lists(st.binary(max_size=60), min_size=3, max_size=5))
def test_any_bytes_in_the_form_of_a_token_are_invalid(parts: list[bytes]) -> None:
    token = ".".join(_segment(part) for part in parts)

    assert _dev_refusal(token) == "token_invalid"
    assert _oidc_refusal(token) == "token_invalid"


@pytest.mark.parametrize("payload", [b"[" * 100_000, b"null", b"[]", b'"x"', b"\xff", b"{" * 9])
def test_a_signed_payload_that_is_no_claims_is_invalid(payload: bytes) -> None:
    signed = f"{_segment(json.dumps({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{_segment(payload)}"
    signature = hmac.digest(b"s" * 48, signed.encode(), hashlib.sha256)

    assert _dev_refusal(f"{signed}.{_segment(signature)}") == "token_invalid"


@pytest.mark.parametrize("key", [RSA, EC])
@pytest.mark.parametrize("header", [{}, {"typ": "at+jwt"}, {"x5t": "abc", "nonce": "n"}])
def test_a_providers_token_names_its_subject(key: RSAKey | ECKey, header: dict[str, Any]) -> None:
    assert verify_oidc(PROVIDER, _oidc(_oidc_claims(), key, **header), NOW) == "oidc|alice"


def test_a_providers_token_may_name_several_audiences() -> None:
    token = _oidc(_oidc_claims(aud=["other", AUDIENCE]))

    assert verify_oidc(PROVIDER, token, NOW) == "oidc|alice"


def test_a_providers_clock_may_be_a_minute_off() -> None:
    token = _oidc(_oidc_claims())
    end = NOW + timedelta(seconds=120)

    assert verify_oidc(PROVIDER, token, NOW - timedelta(seconds=60)) == "oidc|alice"
    assert _oidc_refusal(token, NOW - timedelta(seconds=61)) == "token_invalid"
    assert verify_oidc(PROVIDER, token, end - SECOND) == "oidc|alice"
    assert _oidc_refusal(token, end) == "token_expired"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://id.example/other"},
        {"iss": "keydesk-dev"},
        {"aud": "other"},
        {"aud": None},
        {"sub": None},
        {"exp": None},
        {"iat": None},
        {"nbf": _seconds(NOW) + 61},
    ],
)
def test_wrong_claims_of_a_provider_are_invalid(changed: dict[str, Any]) -> None:
    assert _oidc_refusal(_oidc(_oidc_claims(**changed))) == "token_invalid"


@pytest.mark.parametrize("kid", ["rsa-1", "ec-1", "unknown", None])
def test_a_public_key_is_no_shared_secret(kid: str | None) -> None:
    header = {"alg": "HS256", "typ": "JWT", "kid": kid}
    for public in (RSA.as_pem(private=False), RSA.as_der(private=False), EC.as_pem(private=False)):
        assert _oidc_refusal(_by_hand(header, _oidc_claims(), public)) == "token_invalid"


@pytest.mark.parametrize(
    "token",
    [
        _by_hand({"alg": "none", "typ": "JWT", "kid": "rsa-1"}, _oidc_claims(), None),
        _oidc(_oidc_claims(), STRANGER),
        _oidc(_oidc_claims(), RSA, kid="ec-1"),
        _oidc(_oidc_claims(), RSA, kid="unknown"),
        _oidc(_oidc_claims(), RSA, alg="PS256"),
        _oidc(_oidc_claims(), RSA, typ="logout+jwt"),
        _oidc(_oidc_claims(), STRANGER, jwk=STRANGER.as_dict(private=False)),
        _oidc(_oidc_claims(), STRANGER, jku="https://evil.example/jwks"),
        issue(SECRET, USER, NOW),
    ],
)
def test_forged_tokens_of_a_provider_are_invalid(token: str) -> None:
    assert _oidc_refusal(token) == "token_invalid"


def test_a_providers_token_is_no_development_token() -> None:
    assert _dev_refusal(_oidc(_oidc_claims())) == "token_invalid"


def test_a_refusal_does_not_repeat_the_token() -> None:
    token = _dev(_dev_claims(aud="other", sub="usr_secret"))

    with pytest.raises(Unauthenticated) as refused:
        verify(SECRET, token, NOW)

    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    assert "usr_secret" not in str(refused.value)


def test_a_jwks_file_is_read_without_its_secret_keys(tmp_path: Path) -> None:
    shared = OctKey.generate_key(256, {"kid": "shared"})
    listed = [RSA.as_dict(private=False), EC.as_dict(private=False), shared.as_dict()]
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": listed}))

    provider = read_provider(file, ISSUER, AUDIENCE)

    assert {key.kid for key in provider.keys} == {"rsa-1", "ec-1"}
    assert verify_oidc(provider, _oidc(_oidc_claims(), EC), NOW) == "oidc|alice"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"keys": []}', '{"keys": [7]}', '{"keys": [{"kty": "oct", "k": "czEz"}]}'],
)
def test_a_jwks_file_without_public_keys_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(text)

    with pytest.raises(KeydeskError) as refused:
        read_provider(file, ISSUER, AUDIENCE)

    assert refused.value.code == "jwks_invalid"


def test_a_jwks_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeydeskError) as refused:
        read_provider(tmp_path / "jwks.json", ISSUER, AUDIENCE)

    assert refused.value.code == "jwks_invalid"

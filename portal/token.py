"""Bearer tokens: who is calling, by a development token of our own or by one of an OpenID provider."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet, OctKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry, Token
from pydantic import SecretStr

from models.errors import KeydeskError, Unauthenticated

DEV_LIFETIME = timedelta(hours=12)

_DEV_ISSUER = "keydesk-dev"
_DEV_AUDIENCE = "keydesk"
_DEV_ALGORITHM = "HS256"
_DEV_TYPE = "JWT"
_OIDC_ALGORITHMS = ("RS256", "ES256")
_OIDC_TYPES = (None, "jwt", "at+jwt", "application/at+jwt")
_OIDC_LEEWAY_S = 60

# Foreign bytes can fail in any of these while they are decoded; all of them mean the same to the caller.
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, RecursionError)


class Provider(NamedTuple):
    """An OpenID provider that is trusted: its public keys, its name, and what its tokens call us."""

    keys: KeySet
    issuer: str
    audience: str


def issue(
    secret: SecretStr, user_id: str, now: datetime, lifetime: timedelta = DEV_LIFETIME
) -> str:
    """A development token that says who the user is and nothing about what they may do."""
    claims: dict[str, Any] = {
        "iss": _DEV_ISSUER,
        "aud": _DEV_AUDIENCE,
        "sub": user_id,
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
    }
    header = {"alg": _DEV_ALGORITHM, "typ": _DEV_TYPE}
    return jwt.encode(header, claims, _key_of(secret), algorithms=[_DEV_ALGORITHM])


def verify(secret: SecretStr, token: str | None, now: datetime) -> str:
    """The user id of a development token."""
    registry = JWSRegistry(algorithms=[_DEV_ALGORITHM])
    found = _decode(token, _key_of(secret), registry)
    if found.header.get("typ") != _DEV_TYPE:
        raise _invalid()
    return _subject(found, _DEV_ISSUER, _DEV_AUDIENCE, now, leeway_s=0)


def read_provider(jwks_file: Path, issuer: str, audience: str) -> Provider:
    """Trust the public RSA and EC keys of a JWKS file; secrets in it are no keys to verify by."""
    try:
        listed = json.loads(jwks_file.read_text(encoding="utf-8"))["keys"]
        public = [key for key in listed if key.get("kty") in ("RSA", "EC")]
        keys = KeySet.import_key_set({"keys": public})
    except (OSError, AttributeError, *_UNREADABLE) as error:
        raise KeydeskError(
            "jwks_invalid", f"{jwks_file} holds no JWKS with public RSA or EC keys."
        ) from error
    return Provider(keys, issuer, audience)


def verify_oidc(provider: Provider, token: str | None, now: datetime) -> str:
    """The provider's subject, which the book knows as a user's `subject`."""
    # Providers put header parameters of their own into tokens; unknown ones are ignored, as RFC 7515 says.
    registry = JWSRegistry(algorithms=_OIDC_ALGORITHMS, strict_check_header=False)
    found = _decode(token, provider.keys, registry)
    kind = found.header.get("typ")
    if (kind.lower() if isinstance(kind, str) else kind) not in _OIDC_TYPES:
        raise _invalid()
    return _subject(found, provider.issuer, provider.audience, now, leeway_s=_OIDC_LEEWAY_S)


def _key_of(secret: SecretStr) -> OctKey:
    return OctKey.import_key(secret.get_secret_value())


def _decode(token: str | None, key: OctKey | KeySet, registry: JWSRegistry) -> Token:
    if not token:
        raise Unauthenticated("token_missing", "Send a bearer token in the Authorization header.")
    try:
        return jwt.decode(token, key, registry=registry)
    except _UNREADABLE:
        # The cause is cut off: it may repeat parts of the token.
        raise _invalid() from None


def _subject(token: Token, issuer: str, audience: str, now: datetime, *, leeway_s: int) -> str:
    rules = JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=leeway_s,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        iat={"essential": True},
        exp={"essential": True},
    )
    try:
        rules.validate(token.claims)
    except ExpiredTokenError:
        raise Unauthenticated("token_expired", "The token has expired; get a new one.") from None
    except _UNREADABLE:
        raise _invalid() from None
    subject: str = token.claims["sub"]
    return subject


def _invalid() -> Unauthenticated:
    """One answer for every flaw, so that a forger learns nothing from it."""
    return Unauthenticated("token_invalid", "The token is not one of ours, or was changed.")

"""The seam to an OpenID provider: where people sign in, and who came back (code flow with PKCE)."""

import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.httpx_client import OAuth2Client, OAuthError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry
from pydantic import SecretStr

from models.errors import KeydeskError, Unauthenticated, Unavailable
from models.sign_in import Arrival, Journey
from rules.loopback import is_loopback

JOURNEY = timedelta(minutes=10)
"""How long somebody may take to sign in at the provider."""

_ALGORITHMS = ["RS256", "ES256", "PS256"]
_LEEWAY_S = 60
_TIMEOUT_S = 5.0
_TRUSTED_FOR = timedelta(minutes=10)
_RETRY_AFTER_S = 5
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")

# What a foreign server may send fails in any of these while it is read; all of them mean the same.
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, RecursionError)


class Client(NamedTuple):
    """What the provider knows us by; without a secret we are a public client, and PKCE is what protects the code."""

    id: str
    secret: SecretStr | None
    redirect_uri: str
    scope: str = "openid"


class OpenIdProvider:
    """The one configured issuer; its addresses and keys are asked of itself, and of nobody else."""

    def __init__(self, issuer: str, client: Client, roles_claim: str | None = None) -> None:
        if not _is_safe(issuer):
            raise KeydeskError(
                "oidc_incomplete", "KEYDESK_OIDC_ISSUER is an https address, or one on loopback."
            )
        self._issuer = issuer
        self._client = client
        self._roles_claim = roles_claim
        self._http = httpx2.Client(timeout=_TIMEOUT_S, trust_env=False)
        self._described: tuple[datetime, dict[str, str]] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    def depart(self, now: datetime, going_on: str) -> Journey:
        """A new way there, with a state, a nonce and a verifier that nobody has seen."""
        return Journey(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            next=going_on,
            expires_at=now + JOURNEY,
        )

    def address(self, journey: Journey, now: datetime) -> str:
        """Where to send the browser; Unavailable while the provider does not say."""
        address: str
        with self._oauth() as oauth:
            address, _ = oauth.create_authorization_url(
                self._addresses(now)["authorization_endpoint"],
                state=journey.state,
                nonce=journey.nonce,
                code_verifier=journey.verifier,
            )
        return address

    def arrive(self, journey: Journey, query: Mapping[str, str], now: datetime) -> Arrival:
        """Who came back; Unauthenticated unless this very journey was completed at this very issuer."""
        if now >= journey.expires_at:
            raise refused()
        if not hmac.compare_digest(query.get("state", "").encode(), journey.state.encode()):
            raise refused()
        # RFC 9207: a code that another issuer gave is not to be spent at this one.
        if query.get("iss", self._issuer) != self._issuer or not query.get("code"):
            raise refused()
        claims = self._claims(self._id_token(journey, query["code"], now), journey.nonce, now)
        return Arrival(subject=claims["sub"], roles=self._roles(claims))

    def _id_token(self, journey: Journey, code: str, now: datetime) -> str:
        endpoint = self._addresses(now)["token_endpoint"]
        try:
            with self._oauth() as oauth:
                token = oauth.fetch_token(endpoint, code=code, code_verifier=journey.verifier)
            return str(token["id_token"])
        except httpx2.HTTPError:
            raise _away() from None
        except (OAuthError, *_UNREADABLE):
            # The cause is cut off: it may repeat the code or a token.
            raise refused() from None

    def _claims(self, id_token: str, nonce: str, now: datetime) -> dict[str, Any]:
        """OpenID Connect Core §3.1.3.7, for a token that came straight from the token endpoint."""
        rules = JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client.id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = self._decoded(id_token, now)
            rules.validate(claims)
        except _UNREADABLE:
            raise refused() from None
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise refused()
        if claims.get("azp", None if several else self._client.id) != self._client.id:
            raise refused()
        return claims

    def _decoded(self, id_token: str, now: datetime) -> dict[str, Any]:
        """Signed by a key of the issuer; one that we do not know yet is looked for once."""
        registry = JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        known = self._keys is not None
        try:
            return jwt.decode(id_token, self._key_set(now), registry=registry).claims
        except _UNREADABLE:
            if not known:
                raise
        self._keys = None
        return jwt.decode(id_token, self._key_set(now), registry=registry).claims

    def _key_set(self, now: datetime) -> KeySet:
        if self._keys is None or now >= self._keys[0] + _TRUSTED_FOR:
            listed = self._read(self._addresses(now)["jwks_uri"])["keys"]
            public = [
                key
                for key in listed
                if key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig"
            ]
            self._keys = (now, KeySet.import_key_set({"keys": public}))
        return self._keys[1]

    def _addresses(self, now: datetime) -> dict[str, str]:
        if self._described is None or now >= self._described[0] + _TRUSTED_FOR:
            found = self._read(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self._issuer:
                raise _away()
            addresses = {name: str(found.get(name)) for name in _ENDPOINTS}
            if not all(map(_is_safe, addresses.values())):
                raise _away()
            self._described = (now, addresses)
        return self._described[1]

    def _read(self, address: str) -> dict[str, Any]:
        try:
            answer = self._http.get(address)
            answer.raise_for_status()
            found = answer.json()
        except (httpx2.HTTPError, ValueError):
            raise _away() from None
        if not isinstance(found, dict):
            raise _away()
        return found

    def _oauth(self) -> OAuth2Client:
        secret = self._client.secret
        return OAuth2Client(
            self._client.id,
            secret.get_secret_value() if secret else None,
            scope=self._client.scope,
            redirect_uri=self._client.redirect_uri,
            code_challenge_method="S256",
            timeout=_TIMEOUT_S,
            trust_env=False,
        )

    def _roles(self, claims: dict[str, Any]) -> frozenset[str]:
        given = claims.get(self._roles_claim, ()) if self._roles_claim else ()
        listed = [given] if isinstance(given, str) else given
        return frozenset(name for name in listed if isinstance(name, str))


def refused() -> Unauthenticated:
    """One answer for every flaw, so that a forger learns nothing from it."""
    return Unauthenticated("sign_in_failed", "The sign-in was not completed. Begin anew.")


def _away() -> Unavailable:
    return Unavailable(
        "openid_unavailable",
        "The sign-in of your organisation does not answer.",
        retry_after_s=_RETRY_AFTER_S,
    )


def _is_safe(address: str) -> bool:
    """Over TLS; plain HTTP is for this machine only."""
    parts = urlsplit(address)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and is_loopback(parts.hostname)

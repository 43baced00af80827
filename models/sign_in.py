"""Signing in with an OpenID provider: what a browser takes along on its way there and back, and who comes back."""

from pydantic import AwareDatetime

from models.base import Value


class Journey(Value):
    """One way to the provider and back, bound to one browser: `next` is where it goes on here."""

    state: str
    nonce: str
    verifier: str
    next: str
    expires_at: AwareDatetime


class Arrival(Value):
    """Whom the provider vouches for, and the names of roles that it gives them, where we ask for any."""

    subject: str
    roles: frozenset[str] = frozenset()

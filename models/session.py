"""Sessions: a person signed in with one browser, until they leave it, sign out or stay away."""

from datetime import timedelta
from enum import StrEnum

from pydantic import AwareDatetime

from models.base import Value
from models.principal import Principal


class SignInMethod(StrEnum):
    """Who vouched for the person: nobody (development only), or an OpenID provider."""

    DEV = "dev"
    OIDC = "oidc"


class SessionTerms(Value):
    """How long a session goes on without being used, and at most."""

    idle: timedelta
    absolute: timedelta


class Session(Value):
    """One session; its secret is in the browser's cookie only. `device` is the browser in words."""

    id: str
    user_id: str
    method: SignInMethod
    device: str
    started_at: AwareDatetime
    seen_at: AwareDatetime
    expires_at: AwareDatetime


class Seat(Value):
    """A live session with who sits there, as the book knows them at this act."""

    session: Session
    principal: Principal

"""The tree of domain errors, drawn here, and the one flag that decides whether trying again can help.

KeydeskError
├── Invalid       422  the input itself is wrong
├── Refused       409  well-formed, but a rule says no (carries the facts that decided)
├── Conflict      409  somebody was first
├── Stale         412  the thing has moved since the caller looked at it
├── Forbidden     403  the role may not do this
├── NotFound      404  no such thing, or not yours: one answer for both
├── Unauthenticated 401
├── Throttled     429  transient
└── Unavailable   503  a neighbour is away: transient
"""

from typing import Any, ClassVar


class KeydeskError(Exception):
    """Base of every expected failure: a stable `code`, a sentence for people, and facts for programs."""

    http_status: ClassVar[int] = 500
    permanent: ClassVar[bool] = True

    def __init__(self, code: str, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.facts = facts


class Invalid(KeydeskError):
    """The input is malformed; changing nothing and sending it again cannot help."""

    http_status = 422


class Refused(KeydeskError):
    """A business rule says no; `facts` name the rule's inputs (a deadline, a cap, a state)."""

    http_status = 409


class Conflict(KeydeskError):
    """Somebody or something was first; `facts` say who won."""

    http_status = 409


class Stale(KeydeskError):
    """The caller decided on a view that no longer holds; `facts` say what changed."""

    http_status = 412


class Forbidden(KeydeskError):
    """The caller's role does not allow the act."""

    http_status = 403


class NotFound(KeydeskError):
    """No such thing for this caller; a thing of another tenant gives the same answer."""

    http_status = 404

    def __init__(self, noun: str) -> None:
        super().__init__("not_found", f"There is no such {noun}, or it is not yours to see.")


class Unauthenticated(KeydeskError):
    """No valid credentials came with the request."""

    http_status = 401


class Throttled(KeydeskError):
    """Too many acts of one kind; `retry_after_s` says when to come back."""

    http_status = 429
    permanent = False


class Unavailable(KeydeskError):
    """A neighbour (Temporal, PostgreSQL) does not answer; `retry_after_s` says when to come back."""

    http_status = 503
    permanent = False

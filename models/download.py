"""Downloads: the builds to choose from, links that can leak and die, and every transfer as it was recorded."""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from models.base import Value
from models.catalogue import ProductFile
from models.text import Identifier, Line


class BitnessChoice(Value):
    """The last choice: it names the build."""

    bitness: str
    file_id: str


class LanguageChoice(Value):
    """A language that a version exists in, with its bitnesses."""

    language: str
    bitnesses: tuple[BitnessChoice, ...]


class VersionChoice(Value):
    """A version, with the languages it exists in."""

    version: str
    languages: tuple[LanguageChoice, ...]


class LinkStatus(StrEnum):
    """Whether a link opens its file; only a live one does."""

    LIVE = "live"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    USED_UP = "used_up"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"


class DownloadStatus(StrEnum):
    """How a transfer ended; it stays `running` where the portal died before it could tell."""

    RUNNING = "running"
    FINISHED = "finished"
    BROKEN = "broken"


class LinkRequest(Value):
    """Which build to make a link to."""

    file_id: Identifier


class DownloadLink(Value):
    """A link to one file; its addresses are shown once, at creation, because only the token's hash is stored."""

    id: str
    software_id: str
    file: ProductFile
    created_at: AwareDatetime
    expires_at: AwareDatetime
    max_uses: int
    uses: int
    status: LinkStatus
    revoked: bool
    url: str | None = Field(
        default=None,
        repr=False,
        description="For people: a page with a button; opening it is free.",
    )
    file_url: str | None = Field(
        default=None,
        repr=False,
        description="For programs: the file itself; each start is one use.",
    )


class Download(Value):
    """One transfer of a link's file: the first part of a use, or a later one that went on after a break.

    Bytes run from `first_byte` up to, and without, `stop_byte`; `served_bytes` counts what was handed on.
    """

    id: str
    link_id: str
    file_id: str
    use_number: int
    part: int
    started_at: AwareDatetime
    first_byte: int
    stop_byte: int
    ended_at: AwareDatetime | None
    served_bytes: int | None
    status: DownloadStatus


class UseSoFar(Value):
    """What one counted use has begun to transfer: when, in how many parts, how many bytes."""

    use_number: int
    began_at: AwareDatetime
    parts: int
    begun_bytes: int


class BuildWithdrawal(Value):
    """Why a build is offered no longer."""

    reason: Line


class WithdrawnBuild(Value):
    """A build that is offered no longer; its row stays, with who, when and why."""

    file: ProductFile
    withdrawn_at: AwareDatetime
    withdrawn_by: str
    reason: str

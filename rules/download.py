"""Rules of downloads: what there is to choose, whether a link lives, and how far one use of it carries."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import groupby

from models.catalogue import ProductFile
from models.download import (
    BitnessChoice,
    LanguageChoice,
    LinkStatus,
    UseSoFar,
    VersionChoice,
)
from models.software import SoftwareStatus

RESUME_WITHIN = timedelta(hours=6)
"""How long after its start a use may go on, so that the last one survives a break too (ADR 0019)."""
PARTS_MAX = 100
"""Into how many transfers one use may fall."""
_FILES_PER_USE = 2


def choices(files: Iterable[ProductFile]) -> tuple[VersionChoice, ...]:
    """Version, then language, then bitness: only what exists; newest version first."""
    ordered = sorted(files, key=lambda file: (file.language, file.bitness))
    ordered.sort(key=_version, reverse=True)
    return tuple(
        VersionChoice(version=version, languages=_languages(builds))
        for version, builds in _grouped(ordered, _version)
    )


def link_status(
    *,
    item: SoftwareStatus,
    revoked: bool,
    withdrawn: bool,
    expires_at: datetime,
    uses: int,
    max_uses: int,
    at: datetime,
) -> LinkStatus:
    """What stands in a link's way, the most final thing first; its last instant is before `expires_at`."""
    if revoked or item is SoftwareStatus.CANCELLED:
        return LinkStatus.REVOKED
    if withdrawn:
        return LinkStatus.WITHDRAWN
    if expires_at <= at:
        return LinkStatus.EXPIRED
    if uses >= max_uses:
        return LinkStatus.USED_UP
    return LinkStatus.LIVE if item is SoftwareStatus.ACTIVE else LinkStatus.SUSPENDED


def may_go_on(use: UseSoFar, size_bytes: int, at: datetime) -> bool:
    """Whether a broken download goes on as part of this use: for hours, in some parts, about twice the file."""
    return (
        at <= use.began_at + RESUME_WITHIN
        and use.parts < PARTS_MAX
        and use.begun_bytes < _FILES_PER_USE * size_bytes
    )


def _languages(builds: list[ProductFile]) -> tuple[LanguageChoice, ...]:
    return tuple(
        LanguageChoice(
            language=language,
            bitnesses=tuple(BitnessChoice(bitness=b.bitness, file_id=b.id) for b in same),
        )
        for language, same in _grouped(builds, lambda build: build.language)
    )


def _grouped(
    files: list[ProductFile], key: Callable[[ProductFile], str]
) -> Iterable[tuple[str, list[ProductFile]]]:
    return ((name, list(group)) for name, group in groupby(files, key))


def _version(file: ProductFile) -> str:
    return file.version

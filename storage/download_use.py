"""The uses of a download link: what a token opens, each use counted once, and every transfer recorded."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, insert, select, update

from models.base import Value
from models.catalogue import ProductFile
from models.download import DownloadLink, LinkStatus, UseSoFar
from models.ids import SYSTEM_USER, Prefix, new_id
from models.software import SoftwareStatus
from models.step import Done, Step
from rules.download import may_go_on
from storage.download import LINK, downloads, link_from, links
from storage.effect import Effect, perform
from storage.engine import Database
from storage.product_file import files

_LASTING = (LinkStatus.LIVE, LinkStatus.EXPIRED, LinkStatus.USED_UP)
"""States in which a use that began may still go on; what is revoked, suspended or withdrawn ends it."""


class Span(NamedTuple):
    """The bytes of one transfer: from `first` up to, and without, `stop`."""

    first: int
    stop: int


class OpenLink(Value):
    """What a token opens at this instant: the file anew, or only the rest of a download that began."""

    link: DownloadLink
    order_id: str

    @property
    def file(self) -> ProductFile:
        """The file it opens."""
        return self.link.file

    @property
    def live(self) -> bool:
        """Whether a new use can begin."""
        return self.link.status is LinkStatus.LIVE


def open_link(connection: Connection, token_hash: bytes, at: datetime) -> OpenLink | None:
    """None for a link that is unknown, or dead with no download to go on with."""
    row = connection.execute(LINK.where(links.c.token_hash == token_hash)).one_or_none()
    if row is None:
        return None
    found = OpenLink(link=link_from(row, at), order_id=row.order_id)
    return found if found.live or _use_to_go_on(connection, row, at) else None


def begin_use(database: Database, opened: OpenLink, span: Span, at: datetime) -> str | None:
    """Take one use and record its first transfer; None if the last one went, or the link died, meanwhile."""
    download_id = new_id(Prefix.DOWNLOAD)
    step = Step(subject_id=opened.link.id, order_id=opened.order_id, at=at)

    def work(effect: Effect) -> Done:
        row = _locked(effect.connection, opened.link.id)
        if link_from(row, at).status is not LinkStatus.LIVE:
            return Done(done=False)
        use = effect.connection.execute(
            update(links)
            .where(links.c.id == row.id)
            .values(uses=links.c.uses + 1)
            .returning(links.c.uses)
        ).scalar_one()
        _record(effect.connection, row, download_id, use, 1, span, at)
        effect.belongs_to(row.partner_id, row.customer_id)
        effect.audit(SYSTEM_USER, "download.started", row.id, use=use, download_id=download_id)
        sentence = f"{opened.file.file_name} was downloaded (use {use} of {row.max_uses})."
        return effect.conclude(SYSTEM_USER, sentence, Done())

    # Each use is an effect of its own: whoever holds the link has no Idempotency-Key.
    done = perform(database, step, f"use_link:{download_id}", Done, work).done
    return download_id if done else None


def go_on(database: Database, opened: OpenLink, span: Span, at: datetime) -> str | None:
    """Record one more transfer of a use that began; None if none may go on."""
    with database.transaction("go_on") as connection:
        row = _locked(connection, opened.link.id)
        use = _use_to_go_on(connection, row, at)
        if use is None:
            return None
        download_id = new_id(Prefix.DOWNLOAD)
        _record(connection, row, download_id, use.use_number, use.parts + 1, span, at)
        return download_id


def end_download(database: Database, download_id: str, served_bytes: int, at: datetime) -> None:
    """Say how far a transfer came; the first word stands."""
    with database.transaction("end_download") as connection:
        connection.execute(
            update(downloads)
            .where(downloads.c.id == download_id, downloads.c.ended_at.is_(None))
            .values(ended_at=at, served_bytes=served_bytes)
        )


def _locked(connection: Connection, link_id: str) -> Row[Any]:
    """The link with its file and item, held until the transfer is recorded."""
    # The file is shared: a withdrawal waits for those who begin, and they never wait for one another.
    own_file = select(files.c.id).join(links, links.c.file_id == files.c.id)
    shared = own_file.where(links.c.id == link_id).with_for_update(read=True, of=[files])
    connection.execute(shared)
    return connection.execute(LINK.where(links.c.id == link_id).with_for_update(of=[links])).one()


def _use_to_go_on(connection: Connection, row: Row[Any], at: datetime) -> UseSoFar | None:
    """The newest use of a link that has not ended by itself or by its bounds."""
    if link_from(row, at).status not in _LASTING or row.item_status != SoftwareStatus.ACTIVE:
        return None
    newest_first = connection.execute(
        select(
            downloads.c.use_number,
            func.min(downloads.c.started_at).label("began_at"),
            func.count().label("parts"),
            func.sum(
                func.coalesce(
                    downloads.c.served_bytes, downloads.c.stop_byte - downloads.c.first_byte
                )
            ).label("begun_bytes"),
        )
        .where(downloads.c.link_id == row.id)
        .group_by(downloads.c.use_number)
        .order_by(downloads.c.use_number.desc())
    ).mappings()
    uses = (UseSoFar.model_validate(dict(use)) for use in newest_first)
    return next((use for use in uses if may_go_on(use, row.size_bytes, at)), None)


def _record(
    connection: Connection,
    row: Row[Any],
    download_id: str,
    use_number: int,
    part: int,
    span: Span,
    at: datetime,
) -> None:
    connection.execute(
        insert(downloads).values(
            id=download_id,
            link_id=row.id,
            line_id=row.line_id,
            partner_id=row.partner_id,
            customer_id=row.customer_id,
            file_id=row.file_id,
            use_number=use_number,
            part=part,
            started_at=at,
            first_byte=span.first,
            stop_byte=span.stop,
        )
    )

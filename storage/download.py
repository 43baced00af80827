"""Download links in the book: made under the terms frozen on the line, revoked by hand, listed with how they stand."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from models.catalogue import ProductFile
from models.download import Download, DownloadLink, DownloadStatus
from models.errors import NotFound, Refused
from models.policy import CancellationPolicy
from models.principal import Principal
from models.software import SoftwareStatus
from models.step import Done, Step
from models.tables.column import table
from models.tables.download import DownloadRow
from models.tables.product_key import DownloadLinkRow
from rules.download import link_status
from storage.case import lines, software
from storage.effect import Effect, perform
from storage.engine import Database
from storage.product_file import file_from, files, files_of, find_offered
from storage.scope import within

links = table(DownloadLinkRow)
downloads = table(DownloadRow)

LINK = (
    select(
        links,
        software.c.status.label("item_status"),
        files.c.withdrawn_at,
        *(files.c[name] for name in ProductFile.model_fields if name != "id"),
    )
    .join(software, software.c.id == links.c.software_id)
    .join(files, files.c.id == links.c.file_id)
)
"""A link with all that decides whether it lives, and the file it opens."""


def downloads_of(
    connection: Connection, principal: Principal, software_id: str
) -> tuple[ProductFile, ...]:
    """The combinations of version, language and bitness that exist; none while the item is not active."""
    item = _item(connection, principal, software_id)
    return files_of(connection, item.sku) if item.status == SoftwareStatus.ACTIVE else ()


def create_link(
    database: Database,
    software_id: str,
    file_id: str,
    link_id: str,
    token_hash: bytes,
    principal: Principal,
    at: datetime,
) -> DownloadLink:
    """Make a link under an id; the same id again answers the link as it stands now."""
    with database.reading() as connection:
        order_id = _item(connection, principal, software_id).order_id

    def work(effect: Effect) -> Done:
        item = _item(effect.connection, principal, software_id)
        file = _file_of(effect.connection, item, file_id)
        terms = CancellationPolicy.model_validate(item.policy).links
        effect.belongs_to(item.partner_id, item.customer_id)
        effect.connection.execute(
            insert(links).values(
                id=link_id,
                software_id=software_id,
                line_id=item.line_id,
                order_id=item.order_id,
                partner_id=item.partner_id,
                customer_id=item.customer_id,
                file_id=file_id,
                token_hash=token_hash,
                created_by=principal.user_id,
                created_at=at,
                expires_at=at + terms.expires_after,
                max_uses=terms.max_uses,
            )
        )
        effect.audit(principal.user_id, "download.link_created", link_id, file_id=file_id)
        sentence = f"A download link to {file.file_name} was made."
        return effect.conclude(principal.user_id, sentence, Done())

    step = Step(subject_id=link_id, order_id=order_id, at=at)
    perform(database, step, "create_link", Done, work)
    with database.reading() as connection:
        return link_from(connection.execute(LINK.where(links.c.id == link_id)).one(), at)


def revoke_link(
    database: Database, software_id: str, link_id: str, principal: Principal, at: datetime
) -> DownloadLink:
    """End one link before its time; one that is revoked already stays as it is."""
    with database.reading() as connection:
        order_id = _own_link(connection, principal, software_id, link_id).order_id

    def work(effect: Effect) -> Done:
        revoked = effect.connection.execute(
            update(links)
            .where(links.c.id == link_id, links.c.revoked_at.is_(None))
            .values(revoked_at=at)
            .returning(links)
        ).one_or_none()
        if revoked is None:
            return Done(done=False)
        effect.belongs_to(revoked.partner_id, revoked.customer_id)
        effect.audit(principal.user_id, "download.link_revoked", link_id)
        sentence = "A download link was revoked by hand."
        return effect.conclude(principal.user_id, sentence, Done())

    perform(database, Step(subject_id=link_id, order_id=order_id, at=at), "revoke_link", Done, work)
    with database.reading() as connection:
        return link_from(_own_link(connection, principal, software_id, link_id), at)


def list_links(
    connection: Connection,
    principal: Principal,
    software_id: str,
    at: datetime,
    *,
    after: str | None = None,
    limit: int = 50,
) -> tuple[DownloadLink, ...]:
    """The links of an item, newest first."""
    _item(connection, principal, software_id)
    page = LINK.where(links.c.software_id == software_id).order_by(links.c.id.desc()).limit(limit)
    if after is not None:
        page = page.where(links.c.id < after)
    return tuple(link_from(row, at) for row in connection.execute(page))


def list_downloads(
    connection: Connection,
    principal: Principal,
    software_id: str,
    link_id: str,
    *,
    after: str | None = None,
    limit: int = 50,
) -> tuple[Download, ...]:
    """Every transfer through a link, newest first."""
    _own_link(connection, principal, software_id, link_id)
    page = _page_of_downloads(link_id, limit)
    if after is not None:
        page = page.where(downloads.c.id < after)
    return tuple(_download(row) for row in connection.execute(page))


def link_from(row: Row[Any], at: datetime) -> DownloadLink:
    """A row of LINK as the doors show it."""
    return DownloadLink(
        id=row.id,
        software_id=row.software_id,
        file=file_from(row, id=row.file_id),
        created_at=row.created_at,
        expires_at=row.expires_at,
        max_uses=row.max_uses,
        uses=row.uses,
        revoked=row.revoked_at is not None,
        status=link_status(
            item=SoftwareStatus(row.item_status),
            revoked=row.revoked_at is not None,
            withdrawn=row.withdrawn_at is not None,
            expires_at=row.expires_at,
            uses=row.uses,
            max_uses=row.max_uses,
            at=at,
        ),
    )


def _page_of_downloads(link_id: str, limit: int) -> Select[Any]:
    of_link = select(downloads).where(downloads.c.link_id == link_id)
    return of_link.order_by(downloads.c.id.desc()).limit(limit)


def _download(row: Row[Any]) -> Download:
    if row.ended_at is None:
        status = DownloadStatus.RUNNING
    elif row.served_bytes == row.stop_byte - row.first_byte:
        status = DownloadStatus.FINISHED
    else:
        status = DownloadStatus.BROKEN
    own = {name: value for name, value in row._mapping.items() if name in Download.model_fields}
    return Download(**own, status=status)


def _item(connection: Connection, principal: Principal, software_id: str) -> Row[Any]:
    query = (
        select(software, lines.c.sku, lines.c.policy)
        .join(lines, lines.c.id == software.c.line_id)
        .where(software.c.id == software_id)
    )
    found = connection.execute(within(query, software, principal)).one_or_none()
    if found is None:
        raise NotFound("software")
    return found


def _own_link(
    connection: Connection, principal: Principal, software_id: str, link_id: str
) -> Row[Any]:
    query = LINK.where(links.c.id == link_id, links.c.software_id == software_id)
    found = connection.execute(within(query, links, principal)).one_or_none()
    if found is None:
        raise NotFound("download link")
    return found


def _file_of(connection: Connection, item: Row[Any], file_id: str) -> ProductFile:
    """The build, if it is offered, one of this item's, and the item is active."""
    file = find_offered(connection, file_id)
    if file is None or file.sku != item.sku:
        raise NotFound("download")
    if item.status != SoftwareStatus.ACTIVE:
        raise Refused(
            "software_not_active",
            f"This item is {item.status}; it has no downloads.",
            software_status=item.status,
        )
    return file

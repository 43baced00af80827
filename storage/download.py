"""Downloads in the book: the builds of an item, links to them that can die, and every use counted once."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, exists, insert, select, update

from models.base import Value
from models.catalogue import ProductFile
from models.errors import NotFound, Refused
from models.ids import SYSTEM_USER, Prefix, new_id
from models.principal import Principal
from models.software import DownloadLink, SoftwareStatus
from models.step import Done, Step
from models.tables.column import table
from models.tables.product_key import DownloadLinkRow
from storage.case import lines, software
from storage.catalogue import files_of, find_file
from storage.effect import Effect, perform
from storage.engine import Database
from storage.scope import within

links = table(DownloadLinkRow)


class LinkTerms(NamedTuple):
    """How long a new link lives and how often it may be used."""

    lifetime: timedelta
    max_uses: int


class LiveLink(Value):
    """A link that works at this instant, and the file it opens."""

    id: str
    order_id: str
    uses: int
    file: ProductFile


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
    terms: LinkTerms,
) -> DownloadLink:
    """Make a link under an id; the same id again answers the link as it stands now."""
    with database.reading() as connection:
        order_id = _item(connection, principal, software_id).order_id

    def work(effect: Effect) -> Done:
        item = _item(effect.connection, principal, software_id)
        file = _file_of(effect.connection, item, file_id)
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
                expires_at=at + terms.lifetime,
                max_uses=terms.max_uses,
            )
        )
        effect.audit(principal.user_id, "download.link_created", link_id, file_id=file_id)
        sentence = f"A download link to {file.file_name} was made."
        return effect.conclude(principal.user_id, sentence, Done())

    step = Step(subject_id=link_id, order_id=order_id, at=at)
    perform(database, step, "create_link", Done, work)
    with database.reading() as connection:
        return _read_link(connection, link_id)


def live_link(connection: Connection, token_hash: bytes, at: datetime) -> LiveLink | None:
    """What a token opens now; None for an unknown, expired, used-up or revoked one alike."""
    query = select(links).where(links.c.token_hash == token_hash, *_alive(at))
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    file = _existing_file(connection, row.file_id)
    return LiveLink(id=row.id, order_id=row.order_id, uses=row.uses, file=file)


def count_use(database: Database, link: LiveLink, at: datetime) -> bool:
    """Take one use of the link, unless the last one went, or the link died, since it was looked at."""

    def work(effect: Effect) -> Done:
        taken = effect.connection.execute(
            update(links)
            .where(links.c.id == link.id, *_alive(at))
            .values(uses=links.c.uses + 1)
            .returning(links)
        ).one_or_none()
        if taken is None:
            return Done(done=False)
        effect.belongs_to(taken.partner_id, taken.customer_id)
        effect.audit(SYSTEM_USER, "download.started", link.id, use=taken.uses)
        sentence = f"{link.file.file_name} was downloaded (use {taken.uses} of {taken.max_uses})."
        return effect.conclude(SYSTEM_USER, sentence, Done())

    step = Step(subject_id=link.id, order_id=link.order_id, at=at)
    # Each use is an effect of its own: whoever holds the link has no Idempotency-Key.
    return perform(database, step, f"use_link:{new_id(Prefix.ACT)}", Done, work).done


def _alive(at: datetime) -> tuple[ColumnElement[bool], ...]:
    active = exists().where(
        software.c.id == links.c.software_id, software.c.status == SoftwareStatus.ACTIVE
    )
    return (
        links.c.revoked_at.is_(None),
        links.c.expires_at > at,
        links.c.uses < links.c.max_uses,
        active,
    )


def _item(connection: Connection, principal: Principal, software_id: str) -> Row[Any]:
    query = (
        select(software, lines.c.sku)
        .join(lines, lines.c.id == software.c.line_id)
        .where(software.c.id == software_id)
    )
    found = connection.execute(within(query, software, principal)).one_or_none()
    if found is None:
        raise NotFound("software")
    return found


def _file_of(connection: Connection, item: Row[Any], file_id: str) -> ProductFile:
    """The build, if it is one of this item's and the item is active."""
    file = find_file(connection, file_id)
    if file is None or file.sku != item.sku:
        raise NotFound("download")
    if item.status != SoftwareStatus.ACTIVE:
        raise Refused(
            "software_not_active",
            f"This item is {item.status}; it has no downloads.",
            software_status=item.status,
        )
    return file


def _existing_file(connection: Connection, file_id: str) -> ProductFile:
    file = find_file(connection, file_id)
    assert file is not None, "a foreign key keeps the file of every link"
    return file


def _read_link(connection: Connection, link_id: str) -> DownloadLink:
    row = connection.execute(select(links).where(links.c.id == link_id)).one()
    return DownloadLink(
        id=row.id,
        software_id=row.software_id,
        file=_existing_file(connection, row.file_id),
        expires_at=row.expires_at,
        max_uses=row.max_uses,
        uses=row.uses,
        revoked=row.revoked_at is not None,
    )

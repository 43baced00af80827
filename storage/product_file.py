"""Builds in the book: added by import, offered one to a combination, withdrawn for good with who, when and why."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from models.base import Value
from models.catalogue import ProductFile
from models.download import WithdrawnBuild
from models.errors import NotFound, Refused
from models.ids import SYSTEM_USER
from models.principal import Principal
from models.tables.catalogue import ProductFileRow
from models.tables.column import table
from models.tables.record import AuditRow
from storage.engine import Database
from storage.key_import import HOUSE_STREAM

files = table(ProductFileRow)
_audit = table(AuditRow)

_LOCK = "keydesk/builds"


class BuildCounts(Value):
    """What an import did to the builds it lists; the last ones were withdrawn once and stay so."""

    added: int = 0
    replaced: int = 0
    still_withdrawn: int = 0


def files_of(connection: Connection, sku: str) -> tuple[ProductFile, ...]:
    """The builds of one SKU that are offered, newest version first."""
    return offered(connection, [sku])[sku]


def offered(connection: Connection, skus: Sequence[str]) -> dict[str, tuple[ProductFile, ...]]:
    """The builds of some SKUs that are offered, newest version first."""
    found = (
        select(files)
        .where(files.c.sku.in_(skus), files.c.withdrawn_at.is_(None))
        .order_by(files.c.version.desc(), files.c.language, files.c.bitness)
    )
    grouped: dict[str, tuple[ProductFile, ...]] = defaultdict(tuple)
    for row in connection.execute(found):
        grouped[row.sku] += (file_from(row),)
    return grouped


def find_offered(connection: Connection, file_id: str) -> ProductFile | None:
    """One build, unless it was withdrawn."""
    query = select(files).where(files.c.id == file_id, files.c.withdrawn_at.is_(None))
    row = connection.execute(query).one_or_none()
    return file_from(row) if row else None


def add_builds(
    connection: Connection,
    builds: Iterable[ProductFile],
    at: datetime,
    *,
    by: str = SYSTEM_USER,
    offer_withdrawn: bool = False,
) -> BuildCounts:
    """Offer builds; other content in the place of a build withdraws that one, so that no row changes its content.

    Content that was withdrawn from its place before is left out, unless `offer_withdrawn`.
    """
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(_LOCK, 0))))
    counts = {"added": 0, "replaced": 0, "still_withdrawn": 0}
    for build in builds:
        done = _add(connection, build, at, by, offer_withdrawn=offer_withdrawn)
        if done is not None:
            counts[done] += 1
    return BuildCounts(**counts)


def withdraw_build(
    database: Database, sku: str, file_id: str, reason: str, principal: Principal, at: datetime
) -> WithdrawnBuild:
    """Offer a build no longer: its links die with it. The same request again answers the same."""
    with database.transaction("withdraw_build") as connection:
        query = select(files).where(files.c.id == file_id, files.c.sku == sku)
        row = connection.execute(query.with_for_update()).one_or_none()
        if row is None:
            raise NotFound("build")
        if row.withdrawn_at is None:
            row = _withdraw(connection, file_id, reason, principal.user_id, at)
        elif (row.withdrawn_by, row.withdrawn_at) != (principal.user_id, at):
            raise Refused(
                "build_withdrawn",
                "This build was withdrawn before.",
                withdrawn_at=row.withdrawn_at.isoformat(),
                withdrawn_by=row.withdrawn_by,
                withdrawal_reason=row.withdrawn_reason,
            )
        return _withdrawn(row)


def file_from(row: Row[Any], **renamed: str) -> ProductFile:
    """The build in a row that has its columns; `renamed` gives those that go by another name there."""
    own = {name: row._mapping[name] for name in ProductFile.model_fields if name not in renamed}
    return ProductFile(**own | renamed)


def _add(
    connection: Connection, build: ProductFile, at: datetime, by: str, *, offer_withdrawn: bool
) -> str | None:
    """What came of one build, as the name of its count; None if it stands already."""
    before = connection.execute(
        select(files).where(
            files.c.sku == build.sku,
            files.c.version == build.version,
            files.c.language == build.language,
            files.c.bitness == build.bitness,
        )
    ).all()
    standing = next((row for row in before if row.withdrawn_at is None), None)
    if standing is not None and standing.sha256 == build.sha256:
        _rename(connection, standing, build.file_name)
        return None
    if not offer_withdrawn and any(row.sha256 == build.sha256 for row in before):
        return "still_withdrawn"
    if standing is not None:
        _withdraw(connection, standing.id, f"Replaced by {build.id}.", by, at)
    connection.execute(insert(files).values(**build.model_dump()))
    return "added" if standing is None else "replaced"


def _rename(connection: Connection, standing: Row[Any], file_name: str) -> None:
    if standing.file_name != file_name:
        own = files.c.id == standing.id
        connection.execute(update(files).where(own).values(file_name=file_name))


def _withdraw(connection: Connection, file_id: str, reason: str, by: str, at: datetime) -> Row[Any]:
    row = connection.execute(
        update(files)
        .where(files.c.id == file_id)
        .values(withdrawn_at=at, withdrawn_by=by, withdrawn_reason=reason)
        .returning(files)
    ).one()
    entry = {
        "stream": HOUSE_STREAM,
        "happened_at": at,
        "actor_id": by,
        "action": "build.withdrawn",
        "subject_id": file_id,
        "details": {"sku": row.sku, "sha256": row.sha256},
    }
    connection.execute(insert(_audit), [entry])
    return row


def _withdrawn(row: Row[Any]) -> WithdrawnBuild:
    return WithdrawnBuild(
        file=file_from(row),
        withdrawn_at=row.withdrawn_at,
        withdrawn_by=row.withdrawn_by,
        reason=row.withdrawn_reason,
    )

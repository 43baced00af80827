"""What the checks of a brief rest on, read anew from ledger, keys and downloads: one query for each."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from models.brief import DownloadsMade, KeysSeen, MoneyFacts, SeenKey, UseFacts
from models.download import LinkStatus
from models.ids import effect_key
from models.ledger import AccountKind, EntryKind
from models.money import Money
from models.policy import CancellationPolicy
from models.product_key import mask
from models.tables.column import table
from models.tables.download import DownloadRow
from models.tables.product_key import KeyRevealRow, ProductKeyRow
from storage.case import cancellations
from storage.download import LINK, link_from, links
from storage.ledger import accounts, entries, postings

keys = table(ProductKeyRow)
reveals = table(KeyRevealRow)
downloads = table(DownloadRow)

_SEEN_SHOWN = 100
_FIRST_PART = 1


def money_facts(connection: Connection, case: Row[Any], granted: Money | None) -> MoneyFacts:
    """What the partner owes for the order and line by the ledger, the case's own credit left out."""
    amount = postings.c.amount_minor
    is_credit = entries.c.kind == EntryKind.CREDIT
    booked = connection.execute(
        select(
            func.coalesce(func.sum(amount).filter(~is_credit), 0).label("charged"),
            func.coalesce(func.sum(-amount).filter(is_credit), 0).label("credited"),
            func.coalesce(
                func.sum(-amount).filter(is_credit, entries.c.line_id == case.line_id), 0
            ).label("line_credited"),
        )
        .join(postings, postings.c.entry_id == entries.c.id)
        .join(accounts, accounts.c.id == postings.c.account_id)
        .where(
            entries.c.order_id == case.order_id,
            entries.c.business_key != effect_key(case.id, "credit"),
            accounts.c.kind == AccountKind.RECEIVABLE,
        )
    ).one()

    def money(minor: Decimal | int) -> Money:
        return Money(amount_minor=int(minor), currency=case.currency)

    return MoneyFacts(
        asked=money(case.requested_minor),
        granted=granted,
        charged=money(booked.charged),
        credited=money(booked.credited),
        line_total=money(case.line_total_minor),
        line_credited=money(booked.line_credited),
    )


def use_facts(connection: Connection, case: Row[Any], made: DownloadsMade) -> UseFacts:
    """Keys of the case's units and downloads of its line, before the request and since."""
    key = keys.c.id.distinct()
    found = connection.execute(
        select(
            func.count(key).label("keys"),
            func.count(key).filter(reveals.c.revealed_at.is_not(None)).label("seen"),
            func.count(key).filter(reveals.c.revealed_at > case.received_at).label("seen_since"),
        )
        .select_from(keys)
        .outerjoin(reveals, reveals.c.key_id == keys.c.id)
        .where(keys.c.line_id == case.line_id, _in_case(case))
    ).one()
    policy = CancellationPolicy.model_validate(case.policy)
    return UseFacts(
        keys=found.keys,
        keys_seen=found.seen,
        keys_seen_since=found.seen_since,
        downloads=made.started,
        downloads_since=made.started_since,
        refuses_seen_keys=policy.refuse_revealed_key,
        refuses_downloads=policy.refuse_started_download,
    )


def keys_seen(connection: Connection, case: Row[Any]) -> KeysSeen:
    """Who has seen which key of the line; the keys seen last come first, a hundred of them at most."""
    by_time = reveals.c.revealed_at
    held = select(func.count()).select_from(keys).where(keys.c.line_id == case.line_id)
    found = connection.execute(
        select(
            keys.c.id.label("key_id"),
            keys.c.unit_number,
            keys.c.last5,
            keys.c.state,
            _in_case(case).label("in_case"),
            func.count().label("times"),
            func.min(by_time).label("first_seen_at"),
            func.max(by_time).label("last_seen_at"),
            func.array_agg(aggregate_order_by(reveals.c.user_id, by_time)).label("seen_by"),
            func.count().over().label("in_all"),
        )
        .join(reveals, reveals.c.key_id == keys.c.id)
        .where(reveals.c.line_id == case.line_id)
        .group_by(keys.c.id)
        .order_by(func.max(by_time).desc(), keys.c.id)
        .limit(_SEEN_SHOWN)
    ).all()
    return KeysSeen(
        held=connection.execute(held).scalar_one(),
        seen_in_all=found[0].in_all if found else 0,
        seen=tuple(_seen_key(row) for row in found),
    )


def _in_case(case: Row[Any]) -> Any:
    """Whether a key's unit is one of the case's; a case may take ten thousand, so they stay in the database."""
    units = select(cancellations.c.units).where(cancellations.c.id == case.id).scalar_subquery()
    return units.bool_op("@>")(keys.c.unit_number)


def _seen_key(row: Row[Any]) -> SeenKey:
    return SeenKey(
        key_id=row.key_id,
        unit_number=row.unit_number,
        masked=mask(row.last5),
        state=row.state,
        in_case=row.in_case,
        times=row.times,
        first_seen_at=row.first_seen_at,
        first_seen_by=row.seen_by[0],
        last_seen_at=row.last_seen_at,
        last_seen_by=row.seen_by[-1],
    )


def downloads_made(connection: Connection, case: Row[Any], at: datetime) -> DownloadsMade:
    """Downloads of the line that were begun, and its links that open a file at this instant."""
    started = downloads.c.started_at
    begun = connection.execute(
        select(
            func.count().label("started"),
            func.count().filter(started > case.received_at).label("started_since"),
            func.min(started).label("first_at"),
            func.max(started).label("last_at"),
        ).where(downloads.c.line_id == case.line_id, downloads.c.part == _FIRST_PART)
    ).one()
    maybe_open = LINK.where(
        links.c.line_id == case.line_id, links.c.revoked_at.is_(None), links.c.expires_at > at
    )
    found = [link_from(row, at) for row in connection.execute(maybe_open)]
    return DownloadsMade(
        **begun._mapping, links_open=sum(link.status is LinkStatus.LIVE for link in found)
    )

"""Reveals in the book: the fact that somebody asked to see a key, counted, and the sealed key for them to open."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select

from models.base import Message
from models.cipher import Sealed
from models.errors import Invalid, NotFound, Refused, Throttled
from models.outgoing import KeyRevealed
from models.policy import CancellationPolicy
from models.principal import Principal
from models.product_key import KeyState, RevealRequest
from models.step import Step
from storage.case import lines, software
from storage.cipher import holder_of, sealed_of
from storage.effect import Effect, perform
from storage.engine import Database
from storage.pool import keys
from storage.product_key import choose_key
from storage.scope import within
from storage.software_view import reveals

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class Allowance(NamedTuple):
    """How many reveals one user may ask for in an hour, and one partner's keys may see in a day."""

    per_user_hourly: int
    per_partner_daily: int


class Reveal(Message):
    """What is remembered of a reveal: which key, never the key itself."""

    reveal_id: str
    key_id: str


def reveal_key(
    database: Database,
    request: RevealRequest,
    software_id: str,
    reveal_id: str,
    principal: Principal,
    at: datetime,
    allowance: Allowance,
) -> Reveal:
    """Write down that the caller sees a working key of this item; the same reveal id again adds nothing.

    The fact is committed before anybody opens the key, so a key is never seen unrecorded.
    """
    item = _item(database, principal, software_id)
    _require_reason(principal, item, request.reason)

    def work(effect: Effect) -> Reveal:
        connection = effect.connection
        key = choose_key(connection, item.line_id, request)
        _require_live(key)
        _require_allowance(connection, principal.user_id, key.partner_id, at, allowance)
        effect.belongs_to(key.partner_id, key.customer_id)
        _insert(connection, key, reveal_id, principal.user_id, at, request.reason)
        effect.publish(
            KeyRevealed(
                order_id=item.order_id,
                software_id=software_id,
                key_id=key.id,
                revealed_by=principal.user_id,
            )
        )
        effect.audit(principal.user_id, "key.revealed", key.id, reveal_id=reveal_id)
        return effect.conclude(
            principal.user_id,
            f"The product key of unit {key.unit_number} was revealed.",
            Reveal(reveal_id=reveal_id, key_id=key.id),
        )

    step = Step(subject_id=reveal_id, order_id=item.order_id, at=at)
    return perform(database, step, "reveal_key", Reveal, work)


def _require_reason(principal: Principal, item: Row[Any], reason: str | None) -> None:
    if reason is not None:
        return
    if principal.is_staff:
        raise Invalid("reason_required", "House staff say why they look at a customer's key.")
    if CancellationPolicy.model_validate(item.policy).reveal_reason_required:
        raise Invalid("reason_required", "The terms of this purchase ask for a reason.")


def sealed_key(connection: Connection, key_id: str) -> tuple[Sealed, str]:
    """The key as it is kept, and its holder, while it works: a repeated request after its suspension opens nothing."""
    key = connection.execute(select(keys).where(keys.c.id == key_id)).one()
    _require_live(key)
    return sealed_of(key), holder_of(key, key.line_id)


def _item(database: Database, principal: Principal, software_id: str) -> Row[Any]:
    query = (
        select(software.c.order_id, software.c.line_id, lines.c.policy)
        .join(lines, lines.c.id == software.c.line_id)
        .where(software.c.id == software_id)
    )
    with database.reading() as connection:
        found = connection.execute(within(query, software, principal)).one_or_none()
    if found is None:
        raise NotFound("software")
    return found


def _require_live(key: Row[Any]) -> None:
    if key.state != KeyState.ALLOCATED:
        raise Refused(
            "key_not_live", f"This product key is {key.state}; it is not shown.", state=key.state
        )


def _require_allowance(
    connection: Connection, user_id: str, partner_id: str, at: datetime, allowance: Allowance
) -> None:
    """Count on the book, which all processes share; reveals of one partner are counted one by one."""
    lock = func.pg_advisory_xact_lock(func.hashtextextended(f"reveals:{partner_id}", 0))
    connection.execute(select(lock))
    _require_below(connection, reveals.c.user_id == user_id, at, _HOUR, allowance.per_user_hourly)
    _require_below(
        connection, reveals.c.partner_id == partner_id, at, _DAY, allowance.per_partner_daily
    )


def _require_below(
    connection: Connection, whose: ColumnElement[bool], at: datetime, period: timedelta, most: int
) -> None:
    """Fewer than `most` in the period, else Throttled until the oldest that is in the way has aged."""
    in_the_way = connection.execute(
        select(reveals.c.revealed_at)
        .where(whose, reveals.c.revealed_at > at - period)
        .order_by(reveals.c.revealed_at.desc())
        .offset(most - 1)
        .limit(1)
    ).scalar_one_or_none()
    if in_the_way is not None:
        raise too_many_reveals(int((in_the_way + period - at).total_seconds()) + 1)


def too_many_reveals(retry_after_s: int) -> Throttled:
    """The one answer to whoever looks at too many keys."""
    return Throttled(
        "too_many_reveals",
        "Too many product keys were revealed; wait before the next one.",
        retry_after_s=retry_after_s,
    )


def _insert(
    connection: Connection,
    key: Row[Any],
    reveal_id: str,
    user_id: str,
    at: datetime,
    reason: str | None,
) -> None:
    connection.execute(
        insert(reveals).values(
            id=reveal_id,
            key_id=key.id,
            line_id=key.line_id,
            partner_id=key.partner_id,
            customer_id=key.customer_id,
            user_id=user_id,
            revealed_at=at,
            reason=reason,
        )
    )

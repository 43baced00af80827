"""Cancellation policies in the book: loaded as a series that is never rewritten, and frozen on every line."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from models.base import Value
from models.errors import NotFound
from models.policy import CancellationPolicy
from models.tables.column import table
from models.tables.record import AuditRow
from rules.policy import PolicyFlaw, series_flaws
from storage.case import lines, software
from storage.catalogue import add_policies, list_policies, policy_sha256
from storage.key_import import HOUSE_STREAM

_audit = table(AuditRow)
_LOCK = "keydesk/policies"


class PolicyLoad(Value):
    """What became of a load: the ids that are new, or the flaws for which nothing was written."""

    added: tuple[str, ...] = ()
    flaws: tuple[PolicyFlaw, ...] = ()


def load_policies(
    connection: Connection, policies: Sequence[CancellationPolicy], *, at: datetime, by: str
) -> PolicyLoad:
    """Add what is new and audit it; Conflict for a policy that stands already with other content."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(_LOCK, 0))))
    standing = list_policies(connection)
    known = {policy.id: policy_sha256(policy) for policy in standing}
    new = [policy for policy in policies if policy.id not in known]
    rewritten = [p for p in policies if known.get(p.id, policy_sha256(p)) != policy_sha256(p)]
    # A changed one is refused by the same words as anywhere else, before its dates are looked at.
    add_policies(connection, rewritten)
    flaws = series_flaws(policies, standing)
    if flaws:
        return PolicyLoad(flaws=flaws)
    add_policies(connection, new)
    _record(connection, new, at, by)
    return PolicyLoad(added=tuple(policy.id for policy in new))


def find_policy(connection: Connection, policy_id: str) -> CancellationPolicy | None:
    """One version by its id."""
    return next((p for p in list_policies(connection) if p.id == policy_id), None)


def frozen_policy(connection: Connection, software_id: str) -> CancellationPolicy:
    """The terms a software item was bought under, as they stand on its line."""
    document = connection.execute(
        select(lines.c.policy)
        .join(software, software.c.line_id == lines.c.id)
        .where(software.c.id == software_id)
    ).scalar_one_or_none()
    if document is None:
        raise NotFound("software")
    return CancellationPolicy.model_validate(document)


def _record(
    connection: Connection, added: Sequence[CancellationPolicy], at: datetime, by: str
) -> None:
    if not added:
        return
    hashes = {policy.id: policy_sha256(policy) for policy in added}
    entry = {
        "stream": HOUSE_STREAM,
        "happened_at": at,
        "actor_id": by,
        "action": "policies.loaded",
        "subject_id": "policies",
        "details": {"added": dict(sorted(hashes.items()))},
    }
    connection.execute(insert(_audit), [entry])

"""Cancellation policies in the book: loaded as a series that is never rewritten, and frozen on every line."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, any_, func, insert, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from models.base import Value
from models.errors import Conflict
from models.policy import ADDED_LATER, CancellationPolicy
from models.tables.catalogue import PolicyRow, ProductRow
from models.tables.column import table
from models.tables.record import AuditRow
from rules.policy import PolicyFlaw, series_flaws
from storage.key_import import HOUSE_STREAM

_audit = table(AuditRow)
_policies = table(PolicyRow)
_products = table(ProductRow)
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
    flaws = (*series_flaws(policies, standing), *_unknown_skus(connection, new))
    if flaws:
        return PolicyLoad(flaws=flaws)
    add_policies(connection, new)
    _record(connection, new, at, by)
    return PolicyLoad(added=tuple(policy.id for policy in new))


def list_policies(connection: Connection) -> tuple[CancellationPolicy, ...]:
    """Every version of every family and of every list of SKUs, newest first within each."""
    rows = connection.execute(
        select(_policies.c.document).order_by(
            _policies.c.family, _policies.c.skus, _policies.c.version.desc()
        )
    )
    return tuple(CancellationPolicy.model_validate(document) for document in rows.scalars())


def policies_in_force(
    connection: Connection, skus: Iterable[str], at: datetime
) -> dict[str, Row[Any]]:
    """For each SKU the newest policy effective at an instant; one that names the SKU goes before its family's."""
    named = _products.c.sku == any_(_policies.c.skus)
    of_family = func.cardinality(_policies.c.skus) == 0
    newest = (
        select(_products.c.sku, _policies)
        .join(_policies, _policies.c.family == _products.c.family)
        .where(
            _products.c.sku.in_(list(skus)),
            _policies.c.effective_from <= at,
            or_(named, of_family),
        )
        .order_by(_products.c.sku, of_family, _policies.c.effective_from.desc())
        .ext(distinct_on(_products.c.sku))
    )
    return {row.sku: row for row in connection.execute(newest)}


def add_policies(connection: Connection, policies: Iterable[CancellationPolicy]) -> int:
    """Add policies that are new and tell how many; one that differs from its stored self is refused."""
    return sum(_add_policy(connection, policy) for policy in policies)


def policy_document(policy: CancellationPolicy) -> dict[str, Any]:
    """The policy as stored and as frozen on an order line, without what was added later and is not used.

    So a policy keeps its document, and its hash, when a new kind of term is invented (ADR 0021).
    """
    document = policy.model_dump(mode="json")
    for part, names in ADDED_LATER.items():
        value, written = (getattr(policy, part), document[part]) if part else (policy, document)
        defaults = {name: type(value).model_fields[name].default for name in names}
        for name in names:
            if getattr(value, name) == defaults[name]:
                del written[name]
    return document


def policy_sha256(policy: CancellationPolicy) -> str:
    """The hash of a policy's document, the same on every machine."""
    text = json.dumps(policy_document(policy), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def find_policy(connection: Connection, policy_id: str) -> CancellationPolicy | None:
    """One version by its id."""
    return next((p for p in list_policies(connection) if p.id == policy_id), None)


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


def _unknown_skus(
    connection: Connection, policies: Sequence[CancellationPolicy]
) -> tuple[PolicyFlaw, ...]:
    """A SKU that no product of the policy's family has would never be looked for, in silence."""
    query = select(_products.c.family, _products.c.sku)
    known = {(row.family, row.sku) for row in connection.execute(query)}
    return tuple(
        PolicyFlaw(index=index, sentence=f"{policy.id}: there is no {policy.family} product {sku}")
        for index, policy in enumerate(policies)
        for sku in policy.skus
        if (policy.family, sku) not in known
    )


def _add_policy(connection: Connection, policy: CancellationPolicy) -> bool:
    sha256 = policy_sha256(policy)
    added = connection.execute(
        upsert(_policies)
        .values(
            id=policy.id,
            family=policy.family,
            skus=list(policy.skus),
            version=policy.version,
            effective_from=policy.effective_from,
            document=policy_document(policy),
            sha256=sha256,
        )
        .on_conflict_do_nothing()
        .returning(_policies.c.id)
    ).scalar_one_or_none()
    if added is None:
        _require_same(connection, policy, sha256)
    return added is not None


def _require_same(connection: Connection, policy: CancellationPolicy, sha256: str) -> None:
    stored = select(_policies.c.sha256).where(_policies.c.id == policy.id)
    if connection.execute(stored).scalar_one_or_none() != sha256:
        raise Conflict(
            "policy_rewritten",
            f"The policy {policy.id} (version {policy.version} of {policy.family}) clashes with one"
            " that stands already; a policy is never rewritten, add a new version.",
            policy_id=policy.id,
        )

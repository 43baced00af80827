"""Where somebody stands in a case: whether they may decide it now, and who else may."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from models.brief import Standing
from models.cancellation import Cancellation, CancellationStatus
from models.decision import DecisionAttempt, Verdict
from models.principal import Principal, Role
from rules.approval import may_decide
from storage.approval import authority_refusal, rule_of, twice_refusal


def standing_of(
    connection: Connection,
    case: Row[Any],
    cancellation: Cancellation,
    reader: Principal,
    approvers: Sequence[str],
) -> Standing:
    """Asks the very rules that an approval by the reader, or by one of the approvers, would meet now."""
    code, sentence = _refusal(connection, case, cancellation, reader.user_id)
    missing = cancellation.approvals_needed - len(cancellation.approvals)
    return Standing(
        may_decide=code is None,
        refusal_code=code,
        refusal=sentence,
        approvals_missing=max(missing, 0) if _is_waiting(cancellation) else 0,
        who_may=tuple(_who_may(case, cancellation, approvers)),
    )


def _refusal(
    connection: Connection, case: Row[Any], cancellation: Cancellation, user_id: str
) -> tuple[str | None, str | None]:
    if not _is_waiting(cancellation):
        return _why_not_waiting(cancellation)
    attempt = DecisionAttempt(
        id="", cancellation_id=case.id, actor_id=user_id, verdict=Verdict.APPROVED
    )
    refusal = authority_refusal(connection, case, attempt) or twice_refusal(
        cancellation.approvals, user_id
    )
    return (None, None) if refusal is None else (refusal.code, refusal.sentence)


def _who_may(case: Row[Any], cancellation: Cancellation, approvers: Sequence[str]) -> Iterator[str]:
    """Those of the case's approvers whom nothing keeps from it; that they hold the role is why they are listed."""
    if not _is_waiting(cancellation):
        return
    for user_id in approvers:
        refusal = may_decide(
            frozenset({Role.REFUND_APPROVER}),
            requester_id=case.requester_id,
            actor_id=user_id,
            credit=cancellation.requested_amount,
            mode=rule_of(case).mode,
        )
        if refusal is None and twice_refusal(cancellation.approvals, user_id) is None:
            yield user_id


def _is_waiting(cancellation: Cancellation) -> bool:
    return cancellation.status is CancellationStatus.PENDING_APPROVAL


def _why_not_waiting(cancellation: Cancellation) -> tuple[str, str]:
    """In the words of the desk."""
    if cancellation.verdict is not None:
        return "already_decided", f"The case was settled before: it is {cancellation.verdict}."
    if cancellation.status is CancellationStatus.RECEIVED:
        return "not_waiting", "The case does not wait for a decision yet."
    return "case_closed", "The case is closed."

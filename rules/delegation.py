"""Delegation: who may have whom act for an approver; authority is lent, never made."""

from datetime import datetime

from models.delegation import DelegationDraft
from models.errors import Forbidden, Invalid
from models.principal import Principal, Role


def require_delegable(
    draft: DelegationDraft,
    caller: Principal,
    approver: Principal | None,
    delegate: Principal | None,
    at: datetime,
) -> None:
    """Forbidden or Invalid unless both are approvers of one side, and the caller may arrange it.

    An approver arranges their own; an operator of the house anybody's, but not to their own benefit.
    """
    if approver is None or approver.user_id != caller.user_id:
        _require_operator(caller)
    if delegate is None or approver is None or not _is_approver(approver):
        raise Invalid("not_delegable", "Both must be active refund approvers.")
    if caller.user_id == delegate.user_id or approver.user_id == delegate.user_id:
        raise Invalid(
            "not_delegable", "Nobody is made the delegate of themselves, or by themselves."
        )
    if not _is_approver(delegate) or delegate.partner_id != approver.partner_id:
        raise Invalid(
            "not_delegable", "A delegate is a refund approver of the same side: house or partner."
        )
    if draft.ends_at <= at:
        raise Invalid("not_delegable", "This time is over already.")


def _is_approver(person: Principal) -> bool:
    return Role.REFUND_APPROVER in person.roles and person.customer_id is None


def _require_operator(caller: Principal) -> None:
    if not (caller.is_staff and Role.OPERATOR in caller.roles):
        raise Forbidden(
            "forbidden", "Only operators of the house arrange for an approver who is away."
        )

"""Transitions: every legal move of a key, an order, a case and a software item; whatever is absent is illegal.

The triggers of the database hold the same lists, so that no code path can go round them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from models.cancellation import CancellationStatus
from models.order import OrderStatus
from models.product_key import KeyState
from models.replacement import ReplacementStatus
from models.software import SoftwareStatus

Status = TypeVar(
    "Status", KeyState, OrderStatus, CancellationStatus, SoftwareStatus, ReplacementStatus
)

KEY_MOVES: dict[KeyState, frozenset[KeyState]] = {
    KeyState.AVAILABLE: frozenset({KeyState.ALLOCATED}),
    KeyState.ALLOCATED: frozenset({KeyState.SUSPENDED, KeyState.REVOKED, KeyState.QUARANTINED}),
    KeyState.SUSPENDED: frozenset({KeyState.ALLOCATED, KeyState.REVOKED}),
    KeyState.REVOKED: frozenset(),
    KeyState.QUARANTINED: frozenset(),
}

ORDER_MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PLACED: frozenset({OrderStatus.CHARGED, OrderStatus.REFUSED}),
    OrderStatus.CHARGED: frozenset({OrderStatus.FULFILLED, OrderStatus.FAILED}),
    OrderStatus.FULFILLED: frozenset({OrderStatus.FINAL, OrderStatus.CANCELLED}),
    OrderStatus.REFUSED: frozenset(),
    OrderStatus.FAILED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.FINAL: frozenset(),
}

CANCELLATION_MOVES: dict[CancellationStatus, frozenset[CancellationStatus]] = {
    CancellationStatus.RECEIVED: frozenset(
        {
            CancellationStatus.INELIGIBLE,
            CancellationStatus.PENDING_APPROVAL,
            CancellationStatus.WITHDRAWN,
        }
    ),
    CancellationStatus.PENDING_APPROVAL: frozenset(
        {
            CancellationStatus.APPROVED,
            CancellationStatus.DECLINED,
            CancellationStatus.WITHDRAWN,
            CancellationStatus.EXPIRED,
        }
    ),
    CancellationStatus.APPROVED: frozenset(
        {
            CancellationStatus.CREDITED,
            CancellationStatus.COMPENSATED,
            # The approval was taken back in its time.
            CancellationStatus.PENDING_APPROVAL,
        }
    ),
    CancellationStatus.CREDITED: frozenset({CancellationStatus.COMPLETED}),
    CancellationStatus.COMPLETED: frozenset(),
    CancellationStatus.INELIGIBLE: frozenset(),
    CancellationStatus.DECLINED: frozenset(),
    CancellationStatus.WITHDRAWN: frozenset(),
    CancellationStatus.EXPIRED: frozenset(),
    CancellationStatus.COMPENSATED: frozenset(),
}

SOFTWARE_MOVES: dict[SoftwareStatus, frozenset[SoftwareStatus]] = {
    SoftwareStatus.PREPARING: frozenset({SoftwareStatus.ACTIVE, SoftwareStatus.CANCELLED}),
    SoftwareStatus.ACTIVE: frozenset({SoftwareStatus.SUSPENDED, SoftwareStatus.CANCELLED}),
    SoftwareStatus.SUSPENDED: frozenset({SoftwareStatus.ACTIVE, SoftwareStatus.CANCELLED}),
    SoftwareStatus.CANCELLED: frozenset(),
}

REPLACEMENT_MOVES: dict[ReplacementStatus, frozenset[ReplacementStatus]] = {
    ReplacementStatus.REQUESTED: frozenset({ReplacementStatus.PENDING_APPROVAL}),
    ReplacementStatus.PENDING_APPROVAL: frozenset(
        {
            ReplacementStatus.APPROVED,
            ReplacementStatus.DECLINED,
            ReplacementStatus.WITHDRAWN,
            ReplacementStatus.EXPIRED,
        }
    ),
    ReplacementStatus.APPROVED: frozenset({ReplacementStatus.COMPLETED}),
    ReplacementStatus.COMPLETED: frozenset(),
    ReplacementStatus.DECLINED: frozenset(),
    ReplacementStatus.WITHDRAWN: frozenset(),
    ReplacementStatus.EXPIRED: frozenset(),
}

MOVES: dict[type[StrEnum], Mapping[Any, frozenset[StrEnum]]] = {
    KeyState: KEY_MOVES,
    OrderStatus: ORDER_MOVES,
    CancellationStatus: CANCELLATION_MOVES,
    SoftwareStatus: SOFTWARE_MOVES,
    ReplacementStatus: REPLACEMENT_MOVES,
}
"""One table per status type: members of different types with the same word are equal, so they never share one."""


def is_legal(old: Status, new: Status) -> bool:
    """Whether this move is allowed; staying put is no move."""
    return type(new) is type(old) and new in MOVES[type(old)][old]

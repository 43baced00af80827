"""The tables of legal moves: complete, and equal to the stories told in the models."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest

from models.cancellation import CancellationStatus
from models.order import OrderStatus
from models.product_key import KeyState
from models.software import SoftwareStatus
from rules.transition import MOVES, is_legal

TYPES: tuple[Any, ...] = (KeyState, OrderStatus, CancellationStatus, SoftwareStatus)

LEGAL = {
    KeyState: """available>allocated allocated>suspended allocated>revoked allocated>quarantined
        suspended>allocated suspended>revoked""",
    OrderStatus: """placed>charged placed>refused charged>fulfilled charged>failed
        fulfilled>final fulfilled>cancelled""",
    CancellationStatus: """received>ineligible received>pending_approval received>withdrawn
        pending_approval>approved pending_approval>declined pending_approval>withdrawn
        pending_approval>expired approved>credited approved>compensated approved>pending_approval credited>completed""",
    SoftwareStatus: """preparing>active preparing>cancelled active>suspended active>cancelled
        suspended>active suspended>cancelled""",
}

FIRST = {
    KeyState: KeyState.AVAILABLE,
    OrderStatus: OrderStatus.PLACED,
    CancellationStatus: CancellationStatus.RECEIVED,
    SoftwareStatus: SoftwareStatus.PREPARING,
}


def reached(kind: type[StrEnum]) -> Iterator[StrEnum]:
    waiting, seen = [FIRST[kind]], set[StrEnum]()
    while waiting:
        status = waiting.pop()
        if status not in seen:
            seen.add(status)
            waiting.extend(MOVES[kind][status])
            yield status


@pytest.mark.parametrize("kind", TYPES)
def test_exactly_these_moves_are_legal(kind: Any) -> None:
    legal = {f"{old}>{new}" for old in kind for new in kind if is_legal(old, new)}

    assert legal == set(LEGAL[kind].split())


@pytest.mark.parametrize("kind", TYPES)
def test_every_status_has_its_row_and_can_be_reached(kind: Any) -> None:
    assert set(MOVES[kind]) == set(kind)
    assert set(reached(kind)) == set(kind)


@pytest.mark.parametrize("final", [KeyState.REVOKED, KeyState.QUARANTINED])
def test_a_key_taken_back_never_serves_again(final: KeyState) -> None:
    assert not any(is_legal(final, state) for state in KeyState)


def test_equal_words_of_two_nouns_are_not_one_status() -> None:
    key: Any = KeyState.SUSPENDED
    item: Any = SoftwareStatus.SUSPENDED

    assert key == item
    assert not is_legal(KeyState.ALLOCATED, item)
    assert not is_legal(SoftwareStatus.ACTIVE, key)

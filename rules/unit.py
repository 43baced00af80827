"""Units: which of a line's units a cancellation takes, where each has a key of its own."""

from collections.abc import Iterable


def units_left(quantity: int, gone: Iterable[int]) -> tuple[int, ...]:
    """The numbers of a line's units, counted from 1, without those that are gone."""
    return tuple(sorted(set(range(1, quantity + 1)).difference(gone)))


def choose_units(left: Iterable[int], seen: Iterable[int], count: int) -> tuple[int, ...]:
    """So many of the units, in order: those whose key nobody has seen first, of these the highest numbers.

    Whoever looked at a key most likely installed it, and keys are handed out from the first unit on.
    """
    used = set(seen)
    by_use = sorted(left, key=lambda unit: (unit in used, -unit))
    return tuple(sorted(by_use[:count]))

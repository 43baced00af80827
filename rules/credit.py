"""Credits: how much money a cancelled line gives back, in integers only."""

from datetime import datetime, timedelta

from models.money import Money, zero

_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


def full(unit_price: Money, quantity: int) -> Money:
    """All that was charged for so many units."""
    return unit_price * quantity


def prorated(unit_price: Money, quantity: int, cycle_days: int, unused_days: int) -> Money:
    """The unused share of one unit, truncated to the minor unit, and only then times the quantity.

    10.08 / 31 × 29 = 9.42, × 10 = 94.20. Truncating first keeps every unit's credit the same amount.
    Unused days outside the cycle count as its nearest end; a cycle of no days has nothing left.
    """
    if cycle_days < 1:
        return zero(unit_price.currency)
    unused = min(max(unused_days, 0), cycle_days)
    unit_minor = unit_price.amount_minor * unused // cycle_days
    return Money(amount_minor=unit_minor, currency=unit_price.currency) * quantity


def unused_days(starts_at: datetime, cancelled_at: datetime, cycle_days: int) -> int:
    """Days of the cycle not used up, in days of 24 hours from its start; the day of the cancellation is unused.

    A day's end belongs to it, as a window's end does. Both instants must be in UTC.
    """
    days_behind = (cancelled_at - starts_at - _INSTANT) // _DAY
    return min(max(cycle_days - days_behind, 0), cycle_days)

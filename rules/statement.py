"""When a period may be closed: calendar months in UTC, once they are over."""

from datetime import UTC, datetime

from models.errors import Refused


def month_after(month: datetime) -> datetime:
    """The first instant of the next month, in UTC."""
    month = month.astimezone(UTC)
    if month.month == 12:
        return datetime(month.year + 1, 1, 1, tzinfo=UTC)
    return datetime(month.year, month.month + 1, 1, tzinfo=UTC)


def month_of(moment: datetime) -> datetime:
    """The first instant of the month that this instant lies in, in UTC; also the end of the month just ended."""
    moment = moment.astimezone(UTC)
    return datetime(moment.year, moment.month, 1, tzinfo=UTC)


def require_over(closes_at: datetime, now: datetime) -> None:
    """Refused while the period runs: what is still to be booked would be missing."""
    if closes_at > now:
        raise Refused(
            "month_not_over",
            f"The period until {closes_at:%Y-%m-%d %H:%M} UTC is not over; close it after that instant.",
        )

"""Instants and spans of time as people read them, in English and in Czech."""

from datetime import UTC, datetime, timedelta

from models.outlook import Language


def instant_text(moment: datetime, language: Language) -> str:
    """Exact to the microsecond where it has one, and always in UTC."""
    moment = moment.astimezone(UTC).replace(tzinfo=None)
    if language is Language.ENGLISH:
        return f"{moment.isoformat(sep=' ')} UTC"
    time = moment.time().isoformat().replace(".", ",")
    return f"{moment.day}. {moment.month}. {moment.year} {time} UTC"


def span_text(span: timedelta) -> str:
    """`12 d 3 h 5 min 0 s`, cut to the second and without leading zeros; the symbols are the same in both languages."""
    minutes, seconds = divmod(int(abs(span).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    while len(parts) > 1 and parts[0][0] == 0:
        del parts[0]
    return " ".join(f"{number} {symbol}" for number, symbol in parts)

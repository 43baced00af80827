"""How one reader reads the facts of a notice: amounts, instants and terms in their language and time zone."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from integrations.notifier.words import WORDS
from models.money import Money
from models.outbox import Recipient
from models.outlook import Language
from rules.money import money_text

_JOINERS = "\u200c\u200d"

# No effect puts these into facts; if one ever does by mistake, it does not leave the house.
_SECRET = re.compile(
    r"\b[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}\b"  # product keys
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # tokens
    r"|\S+@\S+"  # mail addresses
)


class Reading:
    """The eyes of one reader."""

    def __init__(self, reader: Recipient) -> None:
        self.language = reader.language
        self.words = WORDS[reader.language]
        self._zone = ZoneInfo(reader.time_zone) if reader.time_zone else None

    def facts(self, facts: dict[str, Any]) -> dict[str, Any]:
        """All facts as this reader reads them; what older releases wrote as text is shown as it stands."""
        read = {name: self._fact(name, value) for name, value in facts.items()}
        if facts.get("units_of"):
            read["product"] = self.words.part.format_map(read)
        return read

    def instant(self, text: str) -> str:
        """An ISO 8601 instant, exact: in the reader's zone if that is known, and in UTC."""
        utc = datetime.fromisoformat(text).astimezone(UTC)
        if self._zone is None:
            return f"{self._moment(utc)} UTC"
        local = utc.astimezone(self._zone)
        pattern = self.words.clock if local.date() == utc.date() else self.words.moment
        return f"{self._moment(local)} {_zone_name(local)} ({self._moment(utc, pattern)} UTC)"

    def _fact(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return ", ".join(str(self._fact(name, item)) for item in value)
        if isinstance(value, dict):
            return self._composed(value)
        if isinstance(value, str):
            return visible(self.words.terms.get(name, {}).get(value, value))
        return value

    def _composed(self, value: dict[str, Any]) -> Any:
        """Money, a text in each language, or the level of a pool; whatever else it is, no template names it."""
        if value.keys() == Money.model_fields.keys():
            return money_text(Money.model_validate(value), self.language)
        if value.keys() == set(Language):
            return visible(value[self.language])
        if value.keys() == {"sku", "left", "below"}:
            return visible(self.words.level.format_map(value))
        return value

    def _moment(self, moment: datetime, pattern: str | None = None) -> str:
        return format_datetime(
            moment.replace(tzinfo=None), pattern or self.words.moment, locale=self.words.locale
        )


def visible(text: str) -> str:
    """One visible line: no line breaks, control or direction characters, and nothing secret."""
    shown = "".join(c if _is_visible(c) else " " for c in text)
    return _SECRET.sub(
        "[removed]", " ".join(part for part in re.split(r"[^\S\xa0]+", shown) if part)
    )


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] != "C" or character in _JOINERS


def _zone_name(local: datetime) -> str:
    """CET, or UTC+03 where a zone has no letters of its own."""
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{name}"

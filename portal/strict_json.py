"""JSON as it comes from strangers: one reading of every text, or none."""

import json
import math
from typing import Any, NoReturn

from models.errors import KeydeskError

_MAX_DEPTH = 32
_MAX_INT = 2**63 - 1


class MalformedJson(KeydeskError):
    """The body is no JSON that every parser would read alike."""

    http_status = 400

    def __init__(self, why: str) -> None:
        super().__init__("malformed_json", f"The body is not acceptable JSON: {why}.")


def parse(raw: bytes) -> Any:
    """The value; MalformedJson for what parsers read differently or PostgreSQL cannot hold."""
    try:
        text = raw.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except UnicodeDecodeError:
        raise MalformedJson("it is not UTF-8") from None
    except RecursionError:
        raise MalformedJson("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedJson(f"it does not parse at {where}") from None
    _require_plain(value)
    return value


def canonical(value: Any) -> bytes:
    """The same bytes for the same value, whatever the order of members and the white space were."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJson("an object has the same member twice")
    return members


def _constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is no JSON number")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedJson("a number is too large")
    return number


def _int(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > _MAX_INT:
        raise MalformedJson("a number is too large")
    return int(text)


def _require_plain(value: Any) -> None:
    """Nested no deeper than anything we read, and no half characters in any text."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise MalformedJson("it is nested too deeply")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, str):
        _require_whole(value)
    if isinstance(value, dict):
        for name in value:
            _require_whole(name)
        return list(value.values())
    return value if isinstance(value, list) else []


def _require_whole(text: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise MalformedJson("a text holds half of a surrogate pair")

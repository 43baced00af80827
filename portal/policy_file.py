"""Policy files: the YAML that `keydesk policy` checks and loads, every flaw named with its line."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import TypeAdapter, ValidationError

from models.base import Value
from models.errors import Invalid
from models.policy import CancellationPolicy, RefundTier
from rules.policy import is_duration, rewarding_tier, series_flaws, unreachable_tier

_ID = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_BYTES_MAX = 1024 * 1024
_DEEPEST = 8
_OWN_WORDS = "Value error, "
_DURATIONS = frozenset(
    ("expires_after", "remind_after", "escalate_after", "expire_after", "remind_before_close")
)
_TIERS = TypeAdapter(tuple[RefundTier, ...])

Place = tuple[int | str, ...]


class FlawAt(NamedTuple):
    """What is wrong, and where in the document."""

    place: Place
    sentence: str


class PolicyFile(Value):
    """The policies of a file that was found sound, each with the line it begins on."""

    name: str
    policies: tuple[CancellationPolicy, ...]
    lines: tuple[int, ...]


def read_policies(path: Path) -> PolicyFile:
    """Read a whole file; Invalid names every flaw found, with its line."""
    root, document = _parse(path)
    if not isinstance(document, list) or not document:
        raise Invalid("policy_invalid", f"{path.name} is refused: it is no list of policies.")
    flaws: list[FlawAt] = [
        *_repeated_fields(root),
        *(flaw for place, policy in enumerate(document) for flaw in _form_flaws(policy, (place,))),
    ]
    policies, more = _validated(document)
    told = {flaw.place for flaw in flaws}
    flaws += [flaw for flaw in more if flaw.place not in told]
    if not flaws:
        flaws += [FlawAt((flaw.index,), flaw.sentence) for flaw in series_flaws(policies)]
    if flaws:
        raise refused(path.name, [(_line(root, flaw.place), _told(flaw)) for flaw in flaws])
    lines = tuple(_line(root, (place,)) for place in range(len(policies)))
    return PolicyFile(name=path.name, policies=tuple(policies), lines=lines)


def refused(name: str, flaws: Sequence[tuple[int, str]]) -> Invalid:
    """The refusal of a file, one flaw a line, in the order of the file."""
    listed = "\n".join(f"line {line}: {sentence}" for line, sentence in sorted(set(flaws)))
    return Invalid("policy_invalid", f"{name} is refused:\n{listed}")


def _parse(path: Path) -> tuple[yaml.Node | None, Any]:
    """The document twice: as nodes, which know their lines, and as the values made of them."""
    try:
        with path.open("rb") as stream:
            content = stream.read(_BYTES_MAX + 1)
        if len(content) > _BYTES_MAX:
            raise Invalid("policy_unreadable", f"{path.name} is longer than {_BYTES_MAX} bytes.")
        loader = yaml.SafeLoader(content.decode("utf-8"))
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    except OSError as error:
        raise Invalid("policy_unreadable", f"{path.name}: {error.strerror}.") from None
    except (ValueError, yaml.YAMLError) as error:
        raise Invalid("policy_unreadable", f"{path.name} is no YAML in UTF-8: {error}") from None
    except RecursionError:
        raise Invalid("policy_unreadable", f"{path.name} is nested too deeply.") from None


def _repeated_fields(root: yaml.Node | None) -> Iterator[FlawAt]:
    """YAML's reader lets the last of two fields win in silence."""
    for index, node in enumerate(root.value if isinstance(root, yaml.SequenceNode) else ()):
        yield from _repeated_below(node, (index,), depth=_DEEPEST)


def _repeated_below(node: yaml.Node, place: Place, depth: int) -> Iterator[FlawAt]:
    if depth == 0:
        return
    if isinstance(node, yaml.MappingNode):
        names = [str(key.value) for key, _ in node.value]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield FlawAt((*place, name), "is given twice")
        for key, child in node.value:
            yield from _repeated_below(child, (*place, str(key.value)), depth - 1)
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _repeated_below(child, (*place, index), depth - 1)


def _form_flaws(policy: Any, place: Place) -> Iterator[FlawAt]:
    """What is written in a way that could be read as something else than it means."""
    if not isinstance(policy, dict):
        yield FlawAt(place, "is no policy but a single value")
        return
    if "id" in policy and not _ID.fullmatch(str(policy["id"])):
        yield FlawAt((*place, "id"), "may hold letters, digits, `_` and `-`, 64 at most")
    begins = policy.get("effective_from")
    if begins is not None and not isinstance(begins, str | datetime):
        yield FlawAt((*place, "effective_from"), "is no instant; write 2026-01-01T00:00:00Z")
    for name, value in policy.items():
        yield from _duration_flaws(name, value, (*place, name))
        for inner_place, inner in _below(value):
            for inner_name, inner_value in inner.items():
                yield from _duration_flaws(
                    inner_name, inner_value, (*place, name, *inner_place, inner_name)
                )


def _below(value: Any) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The mappings one step down: the approval plan, or each of the refund tiers."""
    if isinstance(value, dict):
        yield (), value
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict):
                yield (index,), item


def _duration_flaws(name: Any, value: Any, place: Place) -> Iterator[FlawAt]:
    if name not in _DURATIONS:
        return
    listed = name == "remind_after" and isinstance(value, list)
    for index, one in enumerate(value if listed else [value]):
        if not is_duration(one):
            yield FlawAt(
                (*place, index) if listed else place,
                "is no ISO 8601 duration of weeks, days, hours, minutes or seconds; write P30D",
            )


def _validated(document: list[Any]) -> tuple[list[CancellationPolicy], list[FlawAt]]:
    """The policies that the model takes, and what it objects to in the others."""
    policies: list[CancellationPolicy] = []
    flaws: list[FlawAt] = []
    for index, policy in enumerate(document):
        if not isinstance(policy, dict):
            continue
        order = list(_tier_flaws(policy.get("refund_tiers"), (index, "refund_tiers")))
        flaws += order
        try:
            policies.append(CancellationPolicy.model_validate(policy))
        except ValidationError as error:
            # The order of the tiers has been told with its line; the model tells it of the whole policy.
            flaws += [flaw for flaw in _model_flaws(error, index) if not order or flaw.place[1:]]
    return policies, flaws


def _model_flaws(error: ValidationError, index: int) -> Iterator[FlawAt]:
    for detail in error.errors(include_input=False, include_url=False, include_context=False):
        unknown = detail["type"] == "extra_forbidden"
        sentence = "is no field of a policy" if unknown else detail["msg"].removeprefix(_OWN_WORDS)
        yield FlawAt((index, *detail["loc"]), sentence)


def _tier_flaws(tiers: Any, place: Place) -> Iterator[FlawAt]:
    try:
        known = _TIERS.validate_python(tiers)
    except ValidationError:
        return
    late = unreachable_tier([tier.expires_after for tier in known])
    if late is not None:
        yield FlawAt((*place, late), "must end after the tier before it")
    rising = rewarding_tier([tier.type for tier in known])
    if rising is not None:
        yield FlawAt((*place, rising), "is full after a partial one, so that waiting would pay")


def _told(flaw: FlawAt) -> str:
    """The place within its policy, then what is wrong there."""
    field = ".".join(map(str, flaw.place[1:]))
    return f"{field}: {flaw.sentence}" if field else flaw.sentence


def _line(root: yaml.Node | None, place: Place) -> int:
    """The line a place stands on, or the last one known on the way to it."""
    node, line = root, 1
    for step in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            named = [(key, value) for key, value in node.value if key.value == step]
            if not named:
                break
            key, node = named[-1]
            line = key.start_mark.line + 1
        else:
            break
    return line

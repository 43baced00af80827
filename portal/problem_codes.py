"""The one table of problem codes, portal/problem_codes.yaml, as values and as docs/problems.md."""

from collections.abc import Iterator
from importlib.resources import files

import yaml
from pydantic import TypeAdapter

from models.base import Value


class ProblemText(Value):
    """One code in words; `status` is None for codes that only commands print."""

    status: int | None = None
    title: str
    meaning: str
    remedy: str


def _read() -> dict[str, ProblemText]:
    text = files("portal").joinpath("problem_codes.yaml").read_text(encoding="utf-8")
    return TypeAdapter(dict[str, ProblemText]).validate_python(yaml.safe_load(text))


PROBLEMS = _read()


def render_markdown() -> str:
    """docs/problems.md."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "# Problems"
    yield ""
    yield "<!-- Written by `keydesk docs` from portal/problem_codes.yaml; change it there. -->"
    yield ""
    yield "Every failure at the API is an RFC 9457 `application/problem+json` document with a stable `code`."
    yield "`/problems/<code>` on a running portal shows the same text."
    for title, of_door in (("At the doors", True), ("Printed by commands", False)):
        yield ""
        yield f"## {title}"
        yield ""
        yield (
            "| code | status | meaning | what helps |"
            if of_door
            else "| code | meaning | what helps |"
        )
        yield "|---|---|---|---|" if of_door else "|---|---|---|"
        yield from (_row(c, t) for c, t in PROBLEMS.items() if (t.status is not None) is of_door)
    yield ""


def _row(code: str, text: ProblemText) -> str:
    status = f" {text.status} |" if text.status else ""
    return f"| `{code}` |{status} {text.meaning} | {text.remedy} |"

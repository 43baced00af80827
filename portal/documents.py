"""What is written from the code and committed: openapi.json, asyncapi.json, tables of problems and permissions."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from models.outlook import Language
from models.principal import Role
from portal.problem_codes import render_markdown as render_problems
from portal.texts import catalogue_path, render_catalogue
from rules.permission import ALLOWED, Act


def render_openapi() -> str:
    """openapi.json."""
    from portal.app import create_app
    from portal.openapi import render

    return render(create_app())


def render_permissions() -> str:
    """docs/permissions.md."""
    return "\n".join(_permission_lines())


def render_asyncapi() -> str:
    """asyncapi.json."""
    from portal.asyncapi import render

    return render()


DOCUMENTS: dict[str, Callable[[], str]] = {
    "openapi.json": render_openapi,
    "asyncapi.json": render_asyncapi,
    "docs/problems.md": render_problems,
    "docs/permissions.md": render_permissions,
    catalogue_path(Language.CZECH): partial(render_catalogue, Language.CZECH),
}


def write(directory: Path, name: str) -> Path:
    """Write one of them anew."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(DOCUMENTS[name](), encoding="utf-8")
    return path


def _permission_lines() -> Iterator[str]:
    yield "# Who may do what"
    yield ""
    yield "<!-- Written by `keydesk docs` from rules/permission.py; change it there. -->"
    yield ""
    yield "What is not ticked is refused. A partner's people act on that partner's customers only, a"
    yield "customer's people on their own customer only; what lies outside answers as if it did not exist."
    yield "Roles are read from the book at every act, never from a token."
    yield ""
    yield "| act | " + " | ".join(role.replace("_", " ") for role in Role) + " |"
    yield "|---|" + ":-:|" * len(Role)
    yield from (_permission_row(act) for act in Act)
    yield ""


def _permission_row(act: Act) -> str:
    marks = ("✓" if role in ALLOWED[act] else " " for role in Role)
    return f"| {act.replace('_', ' ')} | " + " | ".join(marks) + " |"

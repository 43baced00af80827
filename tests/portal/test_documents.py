"""Documents that are written from the code say what the code says, and every code that is raised is explained."""

import ast
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from integrations.webhook.signing import new_secret, signed_headers
from models.cancellation import IneligibilityReason
from models.cipher import CipherProblem
from portal.app import create_app
from portal.documents import DOCUMENTS
from portal.problem_codes import PROBLEMS
from rules.approval import RefusalCode
from storage.engine import Database
from tests.fixtures.portal import EVENT_SECRETS, listening, portal_settings

ROOT = Path(__file__).parents[2]
ROOMS = ("models", "rules", "storage", "integrations", "activities", "workflows", "portal")
RAISERS = {
    "Conflict", "Forbidden", "Invalid", "InvalidFields", "KeydeskError", "Refused", "SignatureRefused",
    "Throttled", "Unauthenticated", "Unavailable", "_refuse", "_refused",
}  # fmt: skip
NOT_AT_A_DOOR = {"database"}
"""What failing activities call their errors, for operators to read in Temporal."""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_is_as_the_code_would_write_it(name: str) -> None:
    written = (ROOT / name).read_text(encoding="utf-8")
    assert written == DOCUMENTS[name](), f"run `keydesk docs` and commit {name}"


def test_every_code_that_is_raised_is_explained() -> None:
    raised = {
        code for room in ROOMS for path in (ROOT / room).rglob("*.py") for code in _codes(path)
    }
    named = {str(c) for kind in (IneligibilityReason, RefusalCode, CipherProblem) for c in kind}

    assert len(raised) > 40, "the scan finds what is raised"
    assert (raised | named) - NOT_AT_A_DOOR - set(PROBLEMS) == set()


def test_every_explained_code_is_raised() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8") for room in ROOMS for path in (ROOT / room).rglob("*.py")
    )
    assert [code for code in PROBLEMS if f'"{code}"' not in sources] == []


def _codes(path: Path) -> Iterator[str]:
    """First arguments of whatever makes an error, and the types of errors that cross Temporal."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        if _name(node.func) in RAISERS | {"__init__"} and node.args:
            yield from _texts(node.args[0])
        if _name(node.func) == "ApplicationError":
            yield from (t for k in node.keywords if k.arg == "type" for t in _texts(k.value))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def test_no_code_is_explained_twice() -> None:
    written = (ROOT / "portal/problem_codes.yaml").read_text(encoding="utf-8")
    node = yaml.compose(written, Loader=yaml.SafeLoader)
    assert isinstance(node, yaml.MappingNode)
    keys = Counter(key.value for key, _ in node.value)
    assert len(keys) == len(PROBLEMS)
    assert [code for code, times in keys.items() if times > 1] == []


async def test_the_example_in_the_documentation_sends_an_event(
    database: Database, key_ring: SecretStr, tmp_path: Path
) -> None:
    text = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    (tmp_path / "secrets.json").write_text(json.dumps(EVENT_SECRETS), encoding="utf-8")
    app = create_app(portal_settings(database.url, tmp_path, key_ring, "127.0.0.1:1"), relay=False)

    with listening(app) as url:
        for language in ("python", "sh"):
            example = text.partition(f"```{language}\n")[2].partition("```")[0]
            example = example.replace("http://127.0.0.1:8000", url)
            example = example.replace(".keydesk/secrets/event-secrets.json", "secrets.json")
            program = sys.executable if language == "python" else "sh"
            run = await asyncio.create_subprocess_exec(
                program, "-c", example, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
            )
            output, _ = await run.communicate()
            assert b'"status":"accepted"' in output, language


@pytest.mark.parametrize("language", ["python", "sh"])
async def test_the_examples_in_the_documentation_know_a_genuine_delivery(
    language: str, tmp_path: Path
) -> None:
    text = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    example = text.partition(f"```{language} verify\n")[2].partition("```")[0]
    secret, body = new_secret(), '{"id":"evt_1","data":"Žluťoučký"}'.encode()
    headers = signed_headers("evt_1", body, datetime.now(UTC), [new_secret(), secret])
    (tmp_path / "body").write_bytes(body)
    (tmp_path / "forged").write_bytes(body + b" ")

    for file, verdict in (("body", "genuine"), ("forged", "forged")):
        program = _verifying(language, example, secret, headers, file)
        run = await asyncio.create_subprocess_exec(
            *program, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await run.communicate()
        assert output.decode().strip() == verdict


def _verifying(
    language: str, example: str, secret: str, headers: dict[str, str], file: str
) -> tuple[str, str, str]:
    """The example as a program about the delivery in this file."""
    if language == "python":
        call = f"verify([{secret!r}], {headers!r}, open({file!r}, 'rb').read())"
        return sys.executable, "-c", f"{example}\nprint('genuine' if {call} else 'forged')"
    named = (f"{name}='{headers[f'webhook-{name}']}'" for name in ("id", "timestamp", "signature"))
    told = example.replace("cat body", f"cat {file}")
    return "sh", "-c", f"secret='{secret}'; {'; '.join(named)}\n{told}"

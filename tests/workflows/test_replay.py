"""Every recorded life still replays: code that would lose an open case's place fails here, before it ships."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from integrations.temporal import DATA_CONVERTER
from models.cancellation import OVER, CancellationStatus
from models.order import OrderStatus
from models.outbox import DeliveryReport
from models.replacement import REPLACEMENT_OVER
from tests.factories import CONTACT
from tests.workflows.record_histories import HISTORIES, version
from tests.workflows.scenarios import SCENARIOS
from worker import WORKFLOWS
from workflows.cancellation import CancellationWorkflow
from workflows.delivery import DeliveryWorkflow
from workflows.outbox import OutboxWorkflow
from workflows.purchase import PurchaseWorkflow
from workflows.replacement import ReplacementWorkflow
from workflows.statement import StatementWorkflow

FILES = sorted(HISTORIES.glob("*/*.json"))
NEWEST = HISTORIES / version()
ENDS_OF_A_PURCHASE = {OrderStatus.FINAL, OrderStatus.CANCELLED, OrderStatus.FAILED}
"""A refused order would be one too; no rule of today refuses an order once a door has taken it."""


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))


def events(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["events"]
    return found


def workflow_type(path: Path) -> str:
    started = events(path)[0]["workflowExecutionStartedEventAttributes"]
    return str(started["workflowType"]["name"])


def payloads(value: Any) -> Iterator[str]:
    """The content of every payload in a history, as text."""
    if isinstance(value, dict):
        if isinstance(value.get("data"), str):
            yield base64.b64decode(value["data"]).decode(errors="replace")
        for held in value.values():
            yield from payloads(held)
    if isinstance(value, list):
        for held in value:
            yield from payloads(held)


def outcome(path: Path) -> str | None:
    """The status in the result of a finished workflow."""
    ended = events(path)[-1].get("workflowExecutionCompletedEventAttributes", {})
    found = [json.loads(text) for text in payloads(ended)]
    return found[0].get("status") if found else None


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_a_recorded_life_replays(path: Path) -> None:
    replayer = Replayer(workflows=WORKFLOWS, data_converter=DATA_CONVERTER)
    await replayer.replay_workflow(history(path))


def test_every_scenario_is_recorded_for_this_version() -> None:
    assert {path.stem for path in NEWEST.glob("*.json")} == set(SCENARIOS)


def test_every_workflow_and_every_ending_has_a_recorded_life() -> None:
    recorded = [path for path in FILES if path.parent == NEWEST]
    defined = {workflow._Definition.must_from_class(found).name for found in WORKFLOWS}
    assert {workflow_type(path) for path in recorded} == defined
    endings: dict[str | None, set[str]] = {name: set() for name in defined}
    for path in recorded:
        if (status := outcome(path)) is not None:
            endings[workflow_type(path)].add(status)
    assert endings["PurchaseWorkflow"] == ENDS_OF_A_PURCHASE
    assert endings["CancellationWorkflow"] == set(OVER)
    assert endings["ReplacementWorkflow"] == set(REPLACEMENT_OVER)
    assert CancellationStatus.COMPENSATED in endings["CancellationWorkflow"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_recorded_life_holds_a_secret_or_a_contact(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    text += "\n".join(payloads(json.loads(text)))
    for private in (CONTACT.name, CONTACT.email, CONTACT.phone, "The March one", "Which invoice"):
        assert private not in text
    assert re.search(r"(?:[A-Z2-9]{5}-){4}", text) is None, "a product key"
    assert re.search(r"/(?:work|home|root|usr|tmp)/", text) is None, "a path of a machine"


async def nothing(self: Any) -> None:
    """A step that is left out."""


async def none_left(self: Any, *_: Any) -> int:
    """Nothing to close or to typeset."""
    return 0


async def no_mail(self: Any) -> DeliveryReport:
    """A round that sends nothing."""
    return DeliveryReport()


async def unissued(self: Any, request: Any) -> None:
    """A new key that nobody issues."""


MUTATIONS: dict[str, tuple[type, str, dict[str, Any]]] = {
    "the key is not suspended": (
        CancellationWorkflow,
        "cancellation_completed",
        {"_suspend_key": nothing},
    ),
    "the credit comes first": (
        CancellationWorkflow,
        "cancellation_completed",
        {
            "_suspend_key": CancellationWorkflow._book_credit,
            "_book_credit": CancellationWorkflow._suspend_key,
        },
    ),
    "the key is revoked, then suspended": (
        CancellationWorkflow,
        "cancellation_completed",
        {
            "_suspend_key": CancellationWorkflow._revoke_key,
            "_revoke_key": CancellationWorkflow._suspend_key,
        },
    ),
    "the ticket stays open": (
        CancellationWorkflow,
        "cancellation_completed",
        {"_close_ticket": nothing},
    ),
    "nobody is reminded": (
        CancellationWorkflow,
        "cancellation_expired",
        {"_nudges": lambda self, plan: []},
    ),
    "the leaked key works on": (
        ReplacementWorkflow,
        "replacement_completed",
        {"_suspend_leaked_key": nothing},
    ),
    "no new key is issued": (
        ReplacementWorkflow,
        "replacement_completed",
        {"_issue_key": unissued},
    ),
    "nothing is charged": (PurchaseWorkflow, "purchase_final", {"_charge_order": nothing}),
    "the charge stays": (PurchaseWorkflow, "purchase_failed", {"_reverse_charge": nothing}),
    "no pages are made": (StatementWorkflow, "statement_months", {"_typeset": none_left}),
    "nothing is closed": (StatementWorkflow, "statement_months", {"_close_one": none_left}),
    "no event is delivered": (DeliveryWorkflow, "deliveries_working", {"_round": no_mail}),
    "nothing is delivered": (OutboxWorkflow, "outbox_working", {"_round": no_mail}),
}


@pytest.mark.parametrize("name", MUTATIONS)
async def test_a_changed_workflow_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changed, scenario, mutation = MUTATIONS[name]
    path = NEWEST / f"{scenario}.json"
    replayer = Replayer(
        workflows=WORKFLOWS,
        data_converter=DATA_CONVERTER,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    await replayer.replay_workflow(history(path))
    for method, body in mutation.items():
        monkeypatch.setattr(changed, method, body)
    # Another step than the recorded one fails as such, or already by what it answered.
    with pytest.raises((NondeterminismError, RuntimeError), match=r"TMPRL1100|Failed decoding"):
        await replayer.replay_workflow(history(path))

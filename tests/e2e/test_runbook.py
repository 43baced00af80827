"""docs/runbook.md is complete, and what it tells an operator to type works."""

import re
from pathlib import Path

import pytest
from sqlalchemy import text
from temporalio.testing import WorkflowEnvironment

from models.cancellation import CancellationStage
from models.order import PurchaseStage
from models.stuck import StuckKind
from storage.engine import Database
from workflows.search_attributes import SEARCH_ATTRIBUTES

PAGE = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text("utf-8")
QUERIES = re.findall(r"^\| [^|`]+ \| `([^`]+)` \|$", PAGE.partition("## Saved queries")[2], re.M)


@pytest.mark.parametrize("kind", StuckKind)
def test_every_kind_of_stuck_has_its_line(kind: StuckKind) -> None:
    assert f"\n| `{kind}` |" in PAGE


@pytest.mark.parametrize("stage", [*PurchaseStage, *CancellationStage])
def test_every_stage_is_explained(stage: str) -> None:
    first_cells = re.findall(r"^\| ([^|`]+) \|", PAGE.partition("## Stages")[2], re.M)
    words = {word.strip() for cell in first_cells for word in cell.split(",")}
    assert stage in {*first_cells, *words}


def test_the_queries_use_every_search_attribute() -> None:
    assert len(QUERIES) > 8
    assert {name for name in SEARCH_ATTRIBUTES if name in " ".join(QUERIES)} == {*SEARCH_ATTRIBUTES}


@pytest.mark.parametrize("query", QUERIES)
async def test_a_saved_query_is_understood(
    query: str, temporal_server: WorkflowEnvironment
) -> None:
    counted = await temporal_server.client.count_workflows(query)

    assert counted.count >= 0


def test_a_parked_event_is_driven_again(database: Database) -> None:
    [statement] = re.findall(r"```sql\n(.+?)```", PAGE, re.S)
    with database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO inbox (source, event_id, type, body_sha256, data, received_at,"
                " resource_id, status, attempts, next_attempt_at) VALUES ('partner-one-portal', '…',"
                " 'portal.order.placed.v1', ''::bytea, '{}', now(), 'ord_1', 'parked', 200, now())"
            )
        )

        assert connection.exec_driver_sql(statement).rowcount == 1

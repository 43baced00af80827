"""Whatever openapi.json allows, and what it forbids, is sent: no door breaks, every answer is as described."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from temporalio.testing import WorkflowEnvironment

from models.principal import Role
from models.tables.column import table
from models.tables.principal import UserRoleRow, UserRow
from portal.app import create_app
from storage.embedded import EmbeddedPostgres
from storage.engine import Database
from tests.factories import PARTNER, Story
from tests.fixtures.portal import bearer, listening, portal_settings
from tests.fixtures.postgres import copy_of

EVERYBODY = "usr_everybody"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def _add_everybody(database: Database) -> None:
    """One user with every role, so that every door opens."""
    with database.transaction() as connection:
        connection.execute(
            table(UserRow).insert(),
            {"id": EVERYBODY, "name": "E", "email": "e@x.example", "partner_id": PARTNER},
        )
        connection.execute(
            table(UserRoleRow).insert(), [{"user_id": EVERYBODY, "role": role} for role in Role]
        )


@pytest.fixture(scope="module")
async def api_url(
    postgres: EmbeddedPostgres,
    demo_template: str,
    temporal_server: WorkflowEnvironment,
    key_ring: SecretStr,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """A portal on a port of its own, in a thread of its own, over a book with something in it."""
    address = temporal_server.client.service_client.config.target_host
    with copy_of(postgres, demo_template) as database:
        _add_everybody(database)
        Story(database).buy().cancel()
        Story(database).buy().request()
        made = portal_settings(database.url, tmp_path_factory.mktemp("api"), key_ring, address)
        with listening(create_app(made, relay=False)) as url:
            yield url


schema = schemathesis.openapi.from_path(Path(__file__).parents[2] / "openapi.json")


@schema.parametrize()
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_door_breaks(api_url: str, case: schemathesis.Case) -> None:
    case.call_and_validate(base_url=api_url, headers=bearer(EVERYBODY), checks=CHECKS)

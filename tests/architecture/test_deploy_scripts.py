"""The set-up scripts of docker-compose.yml, run against a real PostgreSQL and a real Temporal."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from integrations.temporal_server import TemporalServer
from storage.embedded import EmbeddedPostgres, programs
from workflows.search_attributes import SEARCH_ATTRIBUTES

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def run(script: str, environment: dict[str, str], path: Path) -> str:
    result = subprocess.run(
        ["/bin/sh", str(DEPLOY / script)],
        env={"PATH": f"{path}:{os.defpath}", **environment},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_namespace_gets_its_retention_and_attributes_and_a_second_run_is_harmless(
    tmp_path: Path,
) -> None:
    server = TemporalServer({}, db_filename=None, log_file=tmp_path / "temporal.log")
    server.start()
    try:
        environment = {"TEMPORAL_ADDRESS": server.address, "TEMPORAL_NAMESPACE": "keydesk"}
        for _ in range(2):
            run("temporal-namespace.sh", environment, Path(sys.executable).parent)
        config = operator(environment, "namespace", "describe")["config"]
        assert config["workflowExecutionRetentionTtl"] == f"{90 * 86_400}s"
        listed = operator(environment, "search-attribute", "list")
        assert set(listed["customAttributes"]) == set(SEARCH_ATTRIBUTES)
    finally:
        server.stop()


def test_the_databases_are_closed_to_each_others_accounts(tmp_path: Path) -> None:
    for name in ("keydesk_db_password", "temporal_db_password"):
        (tmp_path / name).write_text('it\'s "quoted"\n')
    with TemporaryDirectory(prefix="keydesk-") as directory:
        server = EmbeddedPostgres(Path(directory) / "postgres", durable=False)
        server.start()
        try:
            server.create_database("keydesk")
            socket = server.url().split("host=")[1].replace("%2F", "/")
            environment = {
                "SECRETS_DIR": str(tmp_path),
                "POSTGRES_USER": "postgres",
                "PGHOST": socket,
            }
            run("postgres-init.sh", environment, programs() / "bin")
            connections = {"keydesk": ["keydesk"], "temporal": ["temporal", "temporal_visibility"]}
            for user, own in connections.items():
                for database in ("keydesk", "temporal", "temporal_visibility"):
                    assert may_connect(socket, user, database) is (database in own)
        finally:
            server.stop()


def operator(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    command = [Path(sys.executable).with_name("temporal"), "operator", *arguments, "-o", "json"]
    result = subprocess.run(command, env=environment, capture_output=True, check=True)
    return dict(json.loads(result.stdout))


def may_connect(socket: str, user: str, database: str) -> bool:
    try:
        with psycopg.connect(host=socket, user=user, dbname=database) as connection:
            connection.execute("CREATE TABLE mine (n int)")
    except psycopg.OperationalError as error:
        if "permission denied for database" in str(error):
            return False
        raise
    return True


@pytest.mark.parametrize("script", sorted(path.name for path in DEPLOY.glob("*.sh")))
def test_every_script_is_valid_and_stops_at_the_first_failure(script: str) -> None:
    text = (DEPLOY / script).read_text()
    assert text.startswith("#!/bin/sh\n# ")
    assert "\nset -eu\n" in text
    subprocess.run(["/bin/sh", "-n", str(DEPLOY / script)], check=True)

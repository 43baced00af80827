"""`keydesk policy`, as typed: new versions come in once and whole, standing ones are never rewritten."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Connection, select
from typer.testing import CliRunner, Result

import demo
from demo.load import load_policies
from models.errors import Conflict, Invalid, NotFound
from models.ids import SYSTEM_USER
from models.tables.column import table
from models.tables.record import AuditRow
from portal.cli import app
from storage import policy as policy_book
from storage.engine import Database
from storage.policy import list_policies, policy_sha256
from storage.verify import verify

SHIPPED = Path(demo.__path__[0])
NEXT = SHIPPED / "policies-2021-06.yaml"
AFTER_NEXT = SHIPPED / "policies-2022-07.yaml"
_audit = table(AuditRow)


@pytest.fixture(autouse=True)
def installation(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(tmp_path / "data"))
    return database


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["policy", *words], catch_exceptions=False)


def ids(database: Database) -> set[str]:
    with database.reading() as connection:
        return {policy.id for policy in list_policies(connection)}


def loads(database: Database) -> list[dict[str, object]]:
    query = select(_audit).where(_audit.c.action == "policies.loaded").order_by(_audit.c.id)
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def changed(tmp_path: Path, **fields: object) -> str:
    policies = yaml.safe_load(NEXT.read_text())
    file = tmp_path / "changed.yaml"
    file.write_text(yaml.safe_dump([policies[0] | fields, *policies[1:]], sort_keys=False))
    return str(file)


def test_new_policies_come_in_once(database: Database) -> None:
    before = ids(database)

    first, second = (json.loads(run("load", str(NEXT), "--json").stdout) for _ in range(2))

    assert first == {"added": ["pol_perpetual_2", "pol_subscription_2"], "standing": []}
    assert second == {"added": [], "standing": ["pol_perpetual_2", "pol_subscription_2"]}
    assert ids(database) == before | set(first["added"])


def test_the_list_says_which_policies_let_units_go(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    run("load", changed(tmp_path, partial_quantity=True))

    with database.reading() as connection:
        letting = [p.id for p in list_policies(connection) if p.partial_quantity]
    assert letting == ["pol_perpetual_2"]
    listed = run("list").stdout
    assert listed.count("full P30D, single units") == 1
    assert "partial_quantity: true" in run("show", "pol_perpetual_2").stdout
    assert "partial_quantity" not in run("show", "pol_perpetual_1").stdout


def test_a_load_leaves_one_audit_row_with_the_hashes(database: Database) -> None:
    for _ in range(2):
        run("load", str(NEXT))

    (row,) = loads(database)
    assert (row["stream"], row["actor_id"]) == ("house", SYSTEM_USER)
    hashes = {policy.id: policy_sha256(policy) for policy in load_policies("policies-2021-06")}
    assert row["details"] == {"added": hashes}
    assert verify(database, datetime.now(UTC)).breaches == ()


def test_a_standing_policy_is_never_rewritten(database: Database, tmp_path: Path) -> None:
    run("load", str(NEXT))
    before = ids(database)

    with pytest.raises(Conflict) as refused:
        run("load", changed(tmp_path, refuse_revealed_key=True))

    assert refused.value.code == "policy_rewritten"
    assert ids(database) == before
    assert len(loads(database)) == 1


def test_a_version_that_does_not_fit_is_refused_whole(database: Database, tmp_path: Path) -> None:
    run("load", str(AFTER_NEXT))
    before = ids(database)

    with pytest.raises(Invalid) as refused:
        run("load", changed(tmp_path, id="pol_perpetual_9", version=9))

    assert refused.value.code == "policy_invalid"
    assert "line 1: pol_perpetual_3 begins after pol_perpetual_9" in refused.value.message
    assert ids(database) == before


def test_a_version_may_come_in_between(database: Database) -> None:
    run("load", str(AFTER_NEXT))

    assert json.loads(run("load", str(NEXT), "--json").stdout)["standing"] == []


def test_a_load_waits_for_one_under_way(database: Database) -> None:
    def load() -> tuple[str, ...]:
        with database.transaction() as connection:
            return load_into(connection)

    with ThreadPoolExecutor() as pool:
        with database.transaction() as connection:
            first = load_into(connection)
            running = pool.submit(load)
            # Until the first has committed, the second must not look at what stands.
            with pytest.raises(TimeoutError):
                running.result(timeout=0.5)
        second = running.result(timeout=30)

    assert (first, second) == (("pol_perpetual_2", "pol_subscription_2"), ())
    assert len(loads(database)) == 1


def load_into(connection: Connection) -> tuple[str, ...]:
    policies = load_policies("policies-2021-06")
    at = datetime.now(UTC)
    return policy_book.load_policies(connection, policies, at=at, by=SYSTEM_USER).added


def test_check_needs_no_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KEYDESK_DATABASE_URL")

    assert "is sound: pol_perpetual_2" in run("check", str(NEXT)).stdout
    answer = json.loads(run("check", str(NEXT), "--json").stdout)
    assert answer == {"sound": True, "policies": ["pol_perpetual_2", "pol_subscription_2"]}
    with pytest.raises(Invalid, match="line 17: surplus"):
        run("check", changed(tmp_path, surplus=1))


def test_the_list_is_newest_first_within_each_family() -> None:
    run("load", str(NEXT))

    listed = json.loads(run("list", "--json").stdout)

    assert [(p["family"], p["version"]) for p in listed] == [
        ("perpetual", 2),
        ("perpetual", 1),
        ("subscription", 2),
        ("subscription", 1),
    ]
    assert "pol_perpetual_2" in run("list").stdout


def test_what_is_shown_can_be_loaded_again(database: Database, tmp_path: Path) -> None:
    shown = run("show", "pol_perpetual_1")
    file = tmp_path / "shown.yaml"
    file.write_text(shown.stdout)

    again = json.loads(run("load", str(file), "--json").stdout)

    assert again == {"added": [], "standing": ["pol_perpetual_1"]}
    as_json = json.loads(run("show", "pol_perpetual_1", "--json").stdout)
    assert shown.stdout.startswith(f"# sha256 {as_json['sha256']}\n")
    assert as_json["policy"]["version"] == 1
    with pytest.raises(NotFound):
        run("show", "pol_none")

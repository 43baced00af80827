"""`keydesk rewrap`, as typed: a real process that is killed half-way, and the run that goes on after it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from demo.keys import sample_keys
from integrations.cipher.ring import RingCipher, make_ring
from models.cipher import CipherError
from models.ids import SYSTEM_USER
from models.key_import import KeyLine
from models.tables.column import table
from models.tables.product_key import KeyEventRow, ProductKeyRow
from portal.cli import app
from storage.cipher import holder_of, sealed_of
from storage.engine import Database
from storage.key_import import add_keys
from storage.rewrap import count_outdated

SKU = "DG7GMGF0D7FX:0002"
ROOT = Path(__file__).parents[2]
_MANY = 2000
_PATIENCE_S = 30

_keys = table(ProductKeyRow)
_events = table(KeyEventRow)


@pytest.fixture
def new_ring(key_ring: SecretStr) -> str:
    """The ring of the demo world with a second key, which is the current one."""
    ring = json.loads(key_ring.get_secret_value())
    ring["keys"]["k2"] = json.loads(make_ring())["keys"]["k1"]
    return json.dumps(ring | {"current": "k2"})


@pytest.fixture
def installation(
    database: Database, new_ring: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Database:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database.url)
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KEYDESK_KEY_RING", new_ring)
    return database


def _rewrap(*options: str) -> Result:
    return CliRunner().invoke(app, ["rewrap", *options], catch_exceptions=False)


def _outdated(database: Database) -> int:
    with database.reading() as connection:
        return sum(count_outdated(connection, "k2").values())


def _texts(database: Database, ring: str) -> dict[str, str]:
    cipher = RingCipher(SecretStr(ring))
    with database.reading() as connection:
        rows = connection.execute(select(_keys)).all()
    return {
        row.id: cipher.open(sealed_of(row), row.id, holder_of(row, row.line_id)) for row in rows
    }


def _only(ring: str, name: str) -> str:
    content = json.loads(ring)
    return json.dumps(content | {"keys": {name: content["keys"][name]}})


@pytest.fixture
def running(installation: Database, cipher: RingCipher) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process of its own, at work on more keys than it can rewrap in a moment."""
    lines = [
        KeyLine(row=row, sku=SKU, product_key=SecretStr(key))
        for row, key in enumerate(sample_keys(SKU, _MANY, seed=99))
    ]
    at = datetime.now(UTC)
    with installation.transaction() as connection:
        add_keys(connection, lines, cipher, at=at, by=SYSTEM_USER, reason="a test")
    command = [sys.executable, "-m", "portal.cli", "rewrap", "--batch", "5"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield process
    process.kill()
    process.wait()


def test_a_run_that_is_killed_half_way_is_continued_by_the_next(
    installation: Database, running: subprocess.Popen[bytes], new_ring: str
) -> None:
    before, total = _texts(installation, new_ring), _outdated(installation)
    with installation.reading() as connection:
        events = connection.execute(select(func.count()).select_from(_events)).scalar_one()

    give_up_at = time.monotonic() + _PATIENCE_S
    while (half := _outdated(installation)) > total * 0.9:
        assert running.poll() is None
        assert time.monotonic() < give_up_at
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    left = _outdated(installation)
    halfway = _texts(installation, new_ring)
    answer = _rewrap("--json")

    assert 0 < left <= half < total
    assert halfway == before
    assert answer.exit_code == 0
    # The server may still have finished the batch whose sender was dead.
    assert left - 5 <= json.loads(answer.stdout)["rewrapped"] <= left
    assert _texts(installation, _only(new_ring, "k2")) == before
    with installation.reading() as connection:
        assert events == connection.execute(select(func.count(_events.c.key_id))).scalar_one()


def test_a_second_run_has_nothing_to_do(installation: Database) -> None:
    total = _outdated(installation)

    first, second = _rewrap("--json"), _rewrap("--json")

    assert (first.exit_code, second.exit_code) == (0, 0)
    done = {"ring_key": "k2", "secrets": 0, "in_use": 0, "broken": []}
    assert json.loads(first.stdout) == done | {"rewrapped": total}
    assert json.loads(second.stdout) == done | {"rewrapped": 0}


def test_the_answer_for_people_names_no_secret(installation: Database, new_ring: str) -> None:
    total = _outdated(installation)

    output = _rewrap().output

    assert f"{total} product keys were wrapped under 'k2'" in output
    assert not [key for key in json.loads(new_ring)["keys"].values() if key in output]


def test_a_spoilt_key_is_named_and_ends_with_status_one(installation: Database) -> None:
    with installation.transaction() as connection:
        first, second = connection.execute(select(_keys).order_by(_keys.c.id).limit(2)).all()
        change = _keys.update().where(_keys.c.id == first.id)
        connection.execute(change.values(wrapped_key=second.wrapped_key))

    answer = _rewrap()

    assert answer.exit_code == 1
    assert f"{first.id}: its seal is broken" in answer.output
    assert _outdated(installation) == 1


def test_a_ring_without_the_old_key_is_refused(
    installation: Database, new_ring: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYDESK_KEY_RING", _only(new_ring, "k2"))
    total = _outdated(installation)

    with pytest.raises(CipherError, match=r"lacks 'k1'.*nothing was changed"):
        _rewrap()

    assert _outdated(installation) == total

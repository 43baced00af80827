"""The embedded PostgreSQL, started for real: durability, recovery, long paths, foreign versions, full disks."""

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from sqlalchemy import create_engine, text

from models.stack import StackError, StackProblem
from processes.child import command_of
from processes.waiting import wait_until
from storage.embedded import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place() -> Iterator[Path]:
    """Not pytest's own directory: another session of root may close that one to PostgreSQL's account."""
    with TemporaryDirectory(prefix="keydesk-") as directory:
        yield Path(directory)


@pytest.fixture
def home(place: Path) -> Path:
    return place / "postgres"


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    started = EmbeddedPostgres(home, durable=False)
    started.start()
    yield started
    started.stop()


def scalar(server: EmbeddedPostgres, statement: str, database: str = "postgres") -> object:
    engine = create_engine(server.url(database))
    with engine.connect() as connection:
        value = connection.execute(text(statement)).scalar()
    engine.dispose()
    return value


def test_it_answers_under_its_url_and_listens_on_no_port(server: EmbeddedPostgres) -> None:
    server.create_database("keydesk")
    server.create_database("keydesk")

    assert scalar(server, "SELECT current_database()", "keydesk") == "keydesk"
    assert scalar(server, "SHOW listen_addresses") == ""
    assert scalar(server, "SHOW server_version_num") >= "180000"  # type: ignore[operator]


def test_only_tests_give_durability_up(place: Path, server: EmbeddedPostgres) -> None:
    durable = EmbeddedPostgres(place / "durable")
    durable.start()
    try:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert scalar(durable, f"SHOW {setting}") == "on"
            assert scalar(server, f"SHOW {setting}") == "off"
    finally:
        durable.stop()


def test_data_and_socket_are_closed_to_others(home: Path, server: EmbeddedPostgres) -> None:
    for directory in (home / "data", home / "socket"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_it_stops_fast_with_an_open_transaction_and_keeps_what_was_committed(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    server.create_database("keydesk")
    engine = create_engine(server.url())
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept AS SELECT 1 AS n"))
    open_connection = engine.connect()
    open_connection.execute(text("INSERT INTO kept VALUES (2)"))
    began = time.monotonic()
    server.stop()
    took_s = time.monotonic() - began
    open_connection.invalidate()

    assert took_s < 5
    assert not server.alive()
    server.start()
    assert scalar(server, "SELECT count(*) FROM kept", "keydesk") == 1
    server.stop()


def test_it_recovers_after_a_crash(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    with psycopg.connect(server.url("postgres").replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.alive(), 5)
    server.stop()
    assert (home / "data" / "postmaster.pid").exists()

    server.start()
    assert scalar(server, "SELECT n FROM kept") == 7
    server.stop()


def test_a_pid_file_with_another_programs_number_does_not_stop_it(home: Path) -> None:
    server = EmbeddedPostgres(home, durable=False)
    server.start()
    server.stop()
    (home / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{home / 'data'}\n1\n5432\n")

    server.start()
    assert server.alive()
    server.stop()


def test_it_does_not_outlive_a_killed_parent(home: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from storage.embedded import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)\nserver.start()\n"
        "print(server.pid, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert str(home) in command_of(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()

    assert wait_until(lambda: command_of(pid) == "", 10)
    successor = EmbeddedPostgres(home, durable=False)
    successor.start()
    successor.stop()


def test_two_runs_on_one_directory_are_refused(home: Path, server: EmbeddedPostgres) -> None:
    with pytest.raises(StackError, match=str(os.getpid())) as caught:
        EmbeddedPostgres(home).start()
    assert caught.value.problem is StackProblem.LOCKED
    assert server.alive()


def test_a_long_path_gets_its_socket_elsewhere(place: Path) -> None:
    server = EmbeddedPostgres(place / ("deep/" * 30) / "postgres", durable=False)
    server.start()
    socket_directory = Path(str(scalar(server, "SHOW unix_socket_directories")))
    assert len(str(socket_directory)) < 90
    server.stop()
    assert not socket_directory.exists()


def test_data_of_another_major_version_are_refused(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(StackError, match="PostgreSQL 16, not 18") as caught:
        EmbeddedPostgres(home).start()
    assert caught.value.problem is StackProblem.WRONG_DATA_VERSION


def test_an_interrupted_creation_is_begun_anew(home: Path) -> None:
    (home / "data.new" / "base").mkdir(parents=True)
    server = EmbeddedPostgres(home, durable=False)
    server.start()
    assert server.alive()
    server.stop()
    assert not (home / "data.new").exists()


@pytest.fixture
def full_disk(place: Path) -> Iterator[tuple[Path, StackProblem]]:
    """A file system without room, and what it is called; unmountable, a limit on the size of files stands in."""
    disk = place / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "keydesk-test", str(disk)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0:
        yield disk, StackProblem.DISK_FULL
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * 1024 * 1024, before[1]))
    yield disk, StackProblem.INIT_FAILED
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_a_clear_refusal_and_leaves_nothing_behind(
    full_disk: tuple[Path, StackProblem],
) -> None:
    disk, problem = full_disk
    server = EmbeddedPostgres(disk / "postgres")
    with pytest.raises(StackError, match="cannot be created") as caught:
        server.start()
    assert caught.value.problem is problem
    assert not list((disk / "postgres").glob("data*"))

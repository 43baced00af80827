"""`keydesk up` as a real process over real servers: start, stop, going on, and everything that can be in the way."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import psycopg
import pytest

from models.stack import StackError, StackProblem
from portal.supervised import KEYDESK
from portal.supervisor import Supervisor, own_stack
from processes.child import command_of
from processes.ports import free_ports
from processes.restarts import RestartBudget
from processes.waiting import wait_until
from settings import RunningStack, Settings
from storage.embedded import EmbeddedPostgres

RUNNER = Path(__file__).with_name("run_with_stub.py")
STOP_S = 15


class Run:
    """One `keydesk up`, its output readable while it runs; without a fault to act it runs the real parts."""

    def __init__(self, data_dir: Path, ports: list[int], fault: str | None) -> None:
        self.data_dir = data_dir
        self._output = data_dir.parent / f"up-{time.monotonic_ns()}.txt"
        places = {
            "KEYDESK_DATA_DIR": str(data_dir),
            "KEYDESK_PORT": str(ports[0]),
            "KEYDESK_TEMPORAL_PORT": str(ports[1]),
            "KEYDESK_TEMPORAL_UI_PORT": str(ports[2]),
        }
        outer = {k: v for k, v in os.environ.items() if not k.startswith(("KEYDESK_", "TEMPORAL_"))}
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [*(self._stubbed(fault) if fault else KEYDESK), "up"],
                stdout=output,
                stderr=output,
                env=outer | places,
            )

    @staticmethod
    def _stubbed(fault: str) -> tuple[str, ...]:
        return (sys.executable, str(RUNNER), fault)

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def stack(self) -> RunningStack:
        return RunningStack.model_validate_json((self.data_dir / "run.json").read_text())

    def children(self) -> list[int]:
        """Every process of ours, by the record the supervisor keeps."""
        return [int(pid) for pid in json.loads((self.data_dir / "pids.json").read_text())]

    def child(self, part: str) -> int:
        return next(pid for pid in self.children() if part in command_of(pid))

    def says(self, text: str, timeout_s: float = 20) -> bool:
        ended = wait_until(
            lambda: text in self.output or self.process.poll() is not None, timeout_s
        )
        return ended and text in self.output

    def ready(self) -> "Run":
        assert self.says("Stop everything"), self.output
        return self

    def end(self, signal_: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(signal_)
        return self.process.wait(STOP_S)


Up = Callable[..., Run]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A database cluster to copy: creating one takes longer than everything else a run does."""
    with TemporaryDirectory(prefix="keydesk-") as directory:
        Path(directory).chmod(0o711)
        server = EmbeddedPostgres(Path(directory) / "postgres", durable=False)
        server.start()
        server.stop()
        yield Path(directory) / "postgres"


@pytest.fixture
def place() -> Iterator[Path]:
    """Not pytest's own directory: another session of root may close that one to PostgreSQL's account."""
    with TemporaryDirectory(prefix="keydesk-") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


@pytest.fixture
def ports() -> list[int]:
    return free_ports(3)


@pytest.fixture
def up(place: Path, ports: list[int], cluster: Path) -> Iterator[Up]:
    runs: list[Run] = []
    (place / "data").mkdir(mode=0o711)
    subprocess.run(["cp", "-a", str(cluster), str(place / "data")], check=True)

    def start(fault: str | None = "none") -> Run:
        runs.append(Run(place / "data", ports, fault))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.end()


def connect(run: Run) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(run.stack.database_url.replace("+psycopg", ""))


def test_it_stops_whole_with_open_connections_and_goes_on_where_it_was(up: Up) -> None:
    run = up().ready()
    children, stack = run.children(), run.stack
    assert len(children) == 4
    assert (run.data_dir / "run.json").stat().st_mode & 0o077 == 0
    assert httpx2.get(stack.temporal_ui_url).status_code == 200
    with connect(run) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    idle = connect(run)
    idle.execute("INSERT INTO kept VALUES (2)")
    host, port = stack.portal_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as stream:
        stream.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"still here" in stream.recv(4096) + stream.recv(4096)
        assert run.end() == 0
    idle.close()

    assert [command_of(pid) for pid in children] == [""] * 4
    assert "stopped; the data are kept" in run.output
    assert not (run.data_dir / "run.json").exists()
    again = up().ready()
    with connect(again) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
    assert again.end(signal.SIGINT) == 0
    steps = (run.data_dir / "steps.txt").read_text().split()
    assert steps == ["migrate", "seed", "worker", "portal"] * 2


def test_the_real_worker_and_portal_come_up_go_and_come_again(up: Up) -> None:
    for _ in range(2):
        run = up(None).ready()
        url = run.stack.portal_url
        assert httpx2.get(f"{url}/readyz").json()["status"] == "ready"
        assert f"{url}/api/docs" in run.output
        assert httpx2.get(f"{url}/api/docs").status_code == 200
        children = run.children()
        assert len(children) == 4
        assert run.end() == 0
        assert [command_of(pid) for pid in children] == [""] * 4


def test_a_second_run_is_told_who_holds_the_directory_and_harms_nothing(up: Up) -> None:
    first = up().ready()
    second = up()
    assert second.process.wait(10) == 1
    assert f"process {first.process.pid}" in " ".join(second.output.split())
    assert "KEYDESK_DATA_DIR" in second.output
    assert connect(first).closed is False
    assert first.end(signal.SIGHUP) == 0


@pytest.mark.parametrize(
    ("taken", "setting"),
    [(0, "KEYDESK_PORT"), (1, "KEYDESK_TEMPORAL_PORT"), (2, "KEYDESK_TEMPORAL_UI_PORT")],
)
def test_a_taken_port_is_named_with_the_setting_that_moves_it(
    up: Up, ports: list[int], taken: int, setting: str
) -> None:
    with socket.create_server(("127.0.0.1", ports[taken])):
        run = up()
        assert run.process.wait(10) == 1
    assert f"Port {ports[taken]}" in run.output
    assert setting in run.output


def test_every_child_that_dies_is_started_again_and_nothing_committed_is_lost(up: Up) -> None:
    run = up().ready()
    with connect(run) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    for name, part in {
        "worker": "stub_keydesk.py none worker",
        "portal": "stub_keydesk.py none portal",
        "Temporal": "start-dev",
        "PostgreSQL": "pginstall18/bin/postgres",
    }.items():
        before = run.child(part)
        os.kill(before, signal.SIGKILL)
        assert run.says(f"{name} ended; starting it again"), run.output
        assert run.says(f"{name} is back"), run.output
        assert run.child(part) != before
    with connect(run) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
    assert run.end() == 0


@pytest.mark.parametrize("name", ["migrate", "portal"])
def test_a_part_that_cannot_start_stops_the_run_with_its_last_lines(up: Up, name: str) -> None:
    run = up(f"{name}:fails")
    assert run.process.wait(20) == 1
    assert "the stub was told to fail" in run.output
    assert f"log/{name}.log" in run.output


def test_a_deaf_child_cannot_hold_up_the_end(up: Up) -> None:
    run = up("worker:deaf").ready()
    children = run.children()
    assert run.end() == 0
    assert [command_of(pid) for pid in children] == [""] * 4


def test_nothing_outlives_a_killed_supervisor_and_the_next_run_starts_at_once(up: Up) -> None:
    run = up().ready()
    children = run.children()
    run.process.kill()
    run.process.wait()
    again = up().ready()
    assert [command_of(pid) for pid in children] == [""] * 4
    assert again.end() == 0


def test_the_restart_budget_grows_its_pauses_and_runs_out() -> None:
    now = [0.0]
    budget = RestartBudget(restarts_max=3, window_s=60, clock=lambda: now[0])
    assert [budget.pause_after_death() for _ in range(4)] == [0.5, 1.0, 2.0, None]
    now[0] = 61.0
    assert budget.pause_after_death() == 0.5


def test_an_own_stack_needs_no_port_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    stub = (sys.executable, str(RUNNER.with_name("stub_keydesk.py")), "none")
    monkeypatch.setattr("portal.supervised.KEYDESK", stub)
    monkeypatch.setattr("tempfile.tempdir", str(place))
    lines: list[str] = []
    with own_stack(Settings(), lines.append) as stack:
        assert httpx2.get(f"{stack.portal_url}/readyz").status_code == 200
        assert len(list(place.iterdir())) == 1
    assert len(lines) == 6
    assert list(place.iterdir()) == []


def test_a_data_directory_that_cannot_be_made_is_a_clear_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    supervisor = Supervisor(Settings(data_dir=tmp_path / "file" / "data"), lambda _line: None)
    with pytest.raises(StackError, match="cannot be used"):
        supervisor.start()


def test_a_nearly_full_disk_is_refused_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    monkeypatch.setattr("portal.supervisor._FREE_BYTES_MIN", 2**80)
    supervisor = Supervisor(Settings(data_dir=place / "data"), lambda _line: None)
    with pytest.raises(StackError, match="no space is left") as caught:
        supervisor.start()
    supervisor.stop()
    assert caught.value.problem is StackProblem.DISK_FULL
    assert [found.name for found in (place / "data").iterdir()] == ["lock"]


def test_the_file_of_a_killed_run_is_not_believed(place: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    for pid, believed in {os.getpid(): True, ended.pid: False}.items():
        stack = RunningStack(
            database_url="postgresql+psycopg://postgres@/keydesk",
            temporal_address="127.0.0.1:7233",
            temporal_ui_url="http://127.0.0.1:8233",
            portal_url="http://127.0.0.1:8000",
            data_dir=place,
            supervisor_pid=pid,
        )
        (place / "run.json").write_text(stack.model_dump_json())
        assert Settings(data_dir=place).running_stack() == (stack if believed else None)

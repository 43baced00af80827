"""One child process of ours: in its own group, writing to its own log, gone when we are gone."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from models.stack import StackError, StackProblem
from processes.account import Account
from processes.waiting import wait_until

_LOG_BYTES_MAX = 8 * 1024 * 1024
_PR_SET_PDEATHSIG = 1

StopStep = tuple[signal.Signals, float]


class ChildProcess:
    """A program we start, watch and stop.

    Start it from the main thread: Linux sends the orphan signal when the *thread* that forked ends.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log_file: Path,
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        orphan_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self._argv = list(argv)
        self._log_file = log_file
        self._environment = environment
        self._account = account
        self._orphan_signal = orphan_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self.alive() else None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None when it runs or was never started."""
        return self._process.poll() if self._process is not None else None

    def alive(self) -> bool:
        """True while the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the program, its output appended to the log."""
        self._log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _rotate(self._log_file)
        log = os.open(self._log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._log_start = os.fstat(log).st_size
            self._process = self._spawn(log)
        finally:
            os.close(log)

    def _spawn(self, log: int) -> "subprocess.Popen[bytes]":
        account = self._account
        try:
            return subprocess.Popen(  # noqa: S603 - callers name our own programs
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd="/" if account else None,
                process_group=0,
                umask=0o077,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                preexec_fn=_die_with_parent(self._orphan_signal),
            )
        except (OSError, subprocess.SubprocessError) as error:
            program = Path(self._argv[0]).name
            raise StackError(
                StackProblem.START_FAILED,
                f"{program} could not be started: {error}",
                "Check that the installation is complete (make clean, then make up).",
            ) from error

    def stop(self, *steps: StopStep) -> None:
        """Send each signal in turn and wait that many seconds; what still runs then is killed."""
        if self._process is None:
            return
        for signal_, wait_s in steps:
            if not self.alive():
                return
            self._process.send_signal(signal_)
            try:
                self._process.wait(wait_s)
            except subprocess.TimeoutExpired:
                continue
        if self.alive():
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def wait(self, timeout_s: float) -> int | None:
        """The exit code, or None when it still runs after the timeout."""
        wait_until(lambda: not self.alive(), timeout_s)
        return self.exit_code

    def output(self) -> str:
        """What it wrote since it was last started."""
        if not self._log_file.exists():
            return ""
        with self._log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read(_LOG_BYTES_MAX).decode("utf-8", "replace")

    def last_lines(self, count: int = 8) -> str:
        """The end of its output, for a message."""
        return "\n".join(self.output().splitlines()[-count:])


def inherited_environment(
    overrides: Mapping[str, str], *, without_prefix: str | None = None
) -> dict[str, str]:
    """Our own environment, passed on unread, with some names set and one family of names left out."""
    return {
        name: value
        for name, value in os.environ.items()
        if without_prefix is None or not name.startswith(without_prefix)
    } | dict(overrides)


def command_of(pid: int) -> str:
    """The command line of a running process; empty when there is no such process or none to see."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        pass
    if sys.platform == "linux":
        return ""
    listing = subprocess.run(  # noqa: S603 - only a number goes in
        ["/bin/ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return listing.stdout.strip()


def _die_with_parent(orphan_signal: signal.Signals) -> Callable[[], None] | None:
    """Ask Linux to signal the child when we die, even by SIGKILL; elsewhere leftovers are ended at the next start."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(orphan_signal))
        if os.getppid() != parent:
            os._exit(1)

    return in_child


def _rotate(log_file: Path) -> None:
    if log_file.exists() and log_file.stat().st_size > _LOG_BYTES_MAX:
        log_file.replace(log_file.with_suffix(".1.log"))

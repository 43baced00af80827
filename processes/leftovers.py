"""What a killed supervisor left running: recorded while it lives, ended by the next one."""

import json
import os
import signal
from pathlib import Path

from processes.child import command_of
from processes.waiting import wait_until

_GRACE_S = 8.0


def record(path: Path, pids: list[int]) -> None:
    """Note the children's numbers with their command lines: a number alone may be another program's by then."""
    path.write_text(json.dumps({str(pid): command_of(pid) for pid in pids}), encoding="utf-8")


def end_recorded(path: Path) -> int:
    """End every recorded process that still runs; returns how many there were."""
    if not path.exists():
        return 0
    recorded: dict[str, str] = json.loads(path.read_text(encoding="utf-8") or "{}")
    running = [
        (int(pid), line) for pid, line in recorded.items() if line and command_of(int(pid)) == line
    ]
    for pid, line in running:
        _end(pid, line)
    path.unlink()
    return len(running)


def _end(pid: int, command: str) -> None:
    for signal_ in (signal.SIGTERM, signal.SIGKILL):
        if command_of(pid) != command:
            return
        os.kill(pid, signal_)
        wait_until(lambda: command_of(pid) != command, _GRACE_S)

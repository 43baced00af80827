"""Waiting for something to become true, never for ever."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], timeout_s: float, *, pause_s: float = 0.02) -> bool:
    """Ask again and again until the condition holds or the time is up; returns whether it holds."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(pause_s)
    return condition()

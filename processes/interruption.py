"""Stopping on request: Ctrl-C, SIGTERM and a closed terminal end a run the same way, once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, a stop signal raises KeyboardInterrupt; from then on further ones cannot interrupt the clean-up.

    A hang-up that is already ignored (nohup) stays ignored.
    """
    previous = {name: signal.getsignal(name) for name in _STOP_SIGNALS}
    for name, handler in previous.items():
        if name is not signal.SIGHUP or handler is not signal.SIG_IGN:
            signal.signal(name, _interrupt)
    try:
        yield
    finally:
        for name, handler in previous.items():
            signal.signal(name, handler)


def ignore_stop_signals() -> None:
    """Clean up undisturbed; `interruptible` puts the former handlers back when it ends."""
    for name in _STOP_SIGNALS:
        signal.signal(name, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    ignore_stop_signals()
    raise KeyboardInterrupt

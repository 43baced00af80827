"""One contestant, one lap, in a process of its own: warm up, then so many cancellations at once, against the clock."""

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Protocol

from benchmarks.place import Place
from benchmarks.sale import Sale
from models.base import Value


class Contestant(Protocol):
    """Whoever can bring one cancellation from the request to the end of its process."""

    async def cancel(self, sale: Sale) -> None: ...


Running = Callable[[Place], AbstractAsyncContextManager[Contestant]]


class LapOrder(Value):
    """Who runs, where, and on which sales; `module` is one of this package with a `running`."""

    module: str
    place: Place
    warm_up: tuple[Sale, ...]
    sales: tuple[Sale, ...]
    concurrency: int


class LapResult(Value):
    """How long the lap took, and what it cost this process."""

    seconds: float
    per_s: float
    cpu_ms_each: float
    median_ms: float
    p95_ms: float


def run_lap(order: LapOrder) -> LapResult:
    """Run the lap in a child, so that no contestant inherits another's threads, caches or registries."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.lap"],
        input=order.model_dump_json(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return LapResult.model_validate_json(done.stdout.splitlines()[-1])


async def lap(order: LapOrder) -> LapResult:
    """Warm up, then keep `concurrency` cancellations under way until all have ended."""
    running: Running = import_module(f"benchmarks.{order.module}").running
    async with running(order.place) as contestant:
        await _drive(contestant, order.warm_up, order.concurrency)
        cpu_before = _cpu_s()
        began = time.perf_counter()
        times = sorted(await _drive(contestant, order.sales, order.concurrency))
        seconds = time.perf_counter() - began
        cpu = _cpu_s() - cpu_before
    count = len(order.sales)
    return LapResult(
        seconds=seconds,
        per_s=count / seconds,
        cpu_ms_each=1000 * cpu / count,
        median_ms=1000 * times[count // 2],
        p95_ms=1000 * times[min(count - 1, count * 95 // 100)],
    )


async def _drive(contestant: Contestant, sales: Sequence[Sale], concurrency: int) -> list[float]:
    waiting = iter(sales)
    times: list[float] = []

    async def serve() -> None:
        for sale in waiting:
            began = time.perf_counter()
            await contestant.cancel(sale)
            times.append(time.perf_counter() - began)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(serve())
    return times


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Read the order from standard input, print the result as the last line."""
    result = asyncio.run(lap(LapOrder.model_validate_json(sys.stdin.read())))
    sys.stdout.write(result.model_dump_json() + "\n")
    sys.stdout.flush()
    # On Python 3.11 a process that used the Temporal client can abort while it shuts down.
    os._exit(0)


if __name__ == "__main__":
    main()

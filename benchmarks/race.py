"""The whole run: time to a ticket, rounds in which every contestant runs one lap, and the proof of the book."""

from collections.abc import Callable
from datetime import UTC, datetime

from benchmarks.end_state import EndState, end_state
from benchmarks.lap import LapOrder, LapResult, run_lap
from benchmarks.latency import measure_latency
from benchmarks.place import Place, own_place
from benchmarks.report import Report, machine, ratio, throughput
from benchmarks.sale import Sale, Till
from storage.engine import Database
from storage.verify import verify

CONTESTANTS = ("keydesk", "textbook", "dbos_process", "floor")
_WARM_UP = 64
_LATENCY_SAMPLES = 30
_SPARE_KEYS = 50

Tell = Callable[[str], None]


class Race:
    """One run on servers of its own; `tell` hears what is being done."""

    def __init__(self, *, cancellations: int, rounds: int, concurrency: int, tell: Tell) -> None:
        self._cancellations = cancellations
        self._rounds = rounds
        self._concurrency = concurrency
        self._tell = tell
        self._warm_up = min(_WARM_UP, cancellations)
        self._laps: dict[str, list[LapResult]] = {name: [] for name in CONTESTANTS}
        self._states: list[EndState] = []

    @property
    def steps(self) -> int:
        """How often `tell` is called."""
        return self._rounds * len(CONTESTANTS) + 3

    def run(self) -> Report:
        """Everything, from the first start of the servers to the proof of the book."""
        measured_on = machine()
        self._tell("starting PostgreSQL and Temporal")
        with own_place(self._keys()) as place:
            database = Database(place.database_url)
            self._tell("time to an open ticket")
            samples = min(_LATENCY_SAMPLES, self._cancellations)
            # First of all, while the outbox holds no mails of the laps for the worker to send.
            latency = measure_latency(place, database, samples)
            self._run_rounds(place, database)
            self._tell("verifying the book")
            breaches = verify(database, datetime.now(UTC)).breaches
            database.close()
        laps = {name: tuple(results) for name, results in self._laps.items()}
        return Report(
            cancellations_per_s=throughput(laps["keydesk"]),
            ratio_textbook=ratio(laps["keydesk"], laps["textbook"]),
            ratio_dbos=ratio(laps["keydesk"], laps["dbos_process"]),
            ratio_floor=ratio(laps["keydesk"], laps["floor"]),
            ticket_latency_ratio=latency.ticket_median_ms / latency.floor_median_ms,
            cancellations=self._cancellations,
            concurrency=self._concurrency,
            rounds=self._rounds,
            end_states=tuple(self._states),
            breaches=tuple(finding.code for finding in breaches),
            laps=laps,
            latency=latency,
            machine=measured_on,
        )

    def _run_rounds(self, place: Place, database: Database) -> None:
        till = Till(database)
        for number in range(self._rounds):
            # Each round begins with another contestant, so that none always runs first.
            first = number % len(CONTESTANTS)
            for name in CONTESTANTS[first:] + CONTESTANTS[:first]:
                self._tell(f"round {number + 1} of {self._rounds}: {name}")
                sales = till.sell(self._warm_up + self._cancellations)
                self._laps[name].append(self._run_lap(place, name, sales))
                if name != "floor":
                    self._states.append(end_state(database, sales))

    def _run_lap(self, place: Place, name: str, sales: list[Sale]) -> LapResult:
        return run_lap(
            LapOrder(
                module=name,
                place=place,
                warm_up=tuple(sales[: self._warm_up]),
                sales=tuple(sales[self._warm_up :]),
                concurrency=self._concurrency,
            )
        )

    def _keys(self) -> int:
        """Every sale takes one key."""
        each_lap = self._warm_up + self._cancellations
        return self._rounds * len(CONTESTANTS) * each_lap + _SPARE_KEYS

"""What operators watch: requests by route and status, and how much waits in the inbox and the outbox."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy.exc import SQLAlchemyError

from storage.backlog import read_backlog
from storage.engine import Database

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class Metrics:
    """One registry per app, so that two apps in one process do not meet."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route")
        self._requests = Counter(
            "keydesk_http_requests",
            "Requests by route pattern and status.",
            (*labels, "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "keydesk_http_request_seconds",
            "How long requests took.",
            labels,
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered; status 0 means that the client went away."""
        known = method if method in {"GET", "POST", "HEAD", "OPTIONS"} else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)

    def render(self, database: Database, now: datetime) -> bytes:
        """Everything in Prometheus' text format; the backlog is read from the book at this moment."""
        backlog = CollectorRegistry()
        backlog.register(_BacklogCollector(database, now))
        return generate_latest(self._registry) + generate_latest(backlog)


class _BacklogCollector:
    def __init__(self, database: Database, now: datetime) -> None:
        self._database = database
        self._now = now

    def describe(self) -> list[GaugeMetricFamily]:
        """Empty, so that registering does not collect."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The backlog as gauges; without a database only the fact that it is away."""
        up = GaugeMetricFamily("keydesk_database_up", "1 while PostgreSQL answers.")
        rows = GaugeMetricFamily(
            "keydesk_backlog", "Rows by box and status.", labels=("box", "status")
        )
        age = GaugeMetricFamily(
            "keydesk_backlog_oldest_seconds", "Age of the oldest row that waits.", labels=("box",)
        )
        try:
            backlog = read_backlog(self._database)
        except SQLAlchemyError:
            up.add_metric((), 0)
            yield up
            return
        up.add_metric((), 1)
        for (box, status), number in backlog.counts.items():
            rows.add_metric((box, status), number)
        for box, since in backlog.oldest.items():
            age.add_metric((box,), (self._now - since).total_seconds() if since else 0)
        yield from (up, rows, age)

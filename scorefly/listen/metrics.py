"""Metrics in a registry of their own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from scorefly import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of what the listener did, and gauges that are set when they are read. No label names a unit or app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.deliveries = Counter(
            "scorefly_deliveries", "Deliveries by sender and HTTP status.", ("sender", "status"), registry=self.registry
        )
        self.looks = Counter("scorefly_looks", "Looks at repositories.", ("result",), registry=self.registry)
        self.runs = Counter("scorefly_runs", "Runs that ended.", ("status",), registry=self.registry)
        self.run_seconds = Histogram(
            "scorefly_run_seconds",
            "Duration of runs.",
            buckets=(0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600),
            registry=self.registry,
        )
        self.units = Gauge("scorefly_units", "Units by state.", ("state",), registry=self.registry)
        self.apps = Gauge("scorefly_apps", "Apps by status.", ("status",), registry=self.registry)
        self.unreadable = Gauge("scorefly_repositories_unreadable", "Repositories with errors.", registry=self.registry)
        self.last_poll = Gauge(
            "scorefly_last_poll_timestamp_seconds", "When the project was read the last time.", registry=self.registry
        )
        self.ledger_bytes = Gauge("scorefly_ledger_bytes", "Size of the ledger.", registry=self.registry)
        self.ready = Gauge("scorefly_ready", "1 when /readyz answers 200.", registry=self.registry)
        info = Gauge("scorefly_info", "The version.", ("version",), registry=self.registry)
        info.labels(__version__).set(1)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

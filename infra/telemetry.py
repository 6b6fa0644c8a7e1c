"""What a process counts: one typed catalogue of metrics, and how they are shown to Prometheus.

`METRICS` is the only list of metric names; dashboards, alerts and docs/catalog.md are made from it.
Counting is an addition to a plain number, cheap enough for hot paths; OpenTelemetry's SDK reads the
numbers when a scrape comes. Labels have few values: never a user, a conversation or a device.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Histogram, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric: its OpenTelemetry name and unit, what it says, and its labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    sentence: str
    labels: tuple[str, ...] = ()

    @property
    def exposed(self) -> str:
        """Its name in a scrape, by the exporter's rule: dots, unit, `_total` of counters."""
        suffix = {"s": "_seconds", "By": "_bytes"}.get(self.unit, "")
        name = self.name.replace(".", "_") + suffix
        return f"{name}_total" if self.kind == "counter" else name


WORKER_RECORDS = Metric(
    "chat.worker.records",
    "counter",
    "{record}",
    "Records that a worker role processed, by outcome.",
    ("group", "outcome"),
)
WORKER_RETRIES = Metric(
    "chat.worker.retries",
    "counter",
    "{batch}",
    "Batches that a worker role retried because a store or Kafka was down.",
    ("group",),
)
EDGE_SOCKETS = Metric(
    "chat.edge.sockets", "gauge", "{socket}", "Sockets open now, authenticated or not."
)
EDGE_SESSIONS = Metric("chat.edge.sessions", "gauge", "{session}", "Authenticated devices now.")
EDGE_FRAMES_RECEIVED = Metric(
    "chat.edge.frames.received",
    "counter",
    "{frame}",
    "Client frames received, not counting control frames.",
)
EDGE_FRAMES_SENT = Metric(
    "chat.edge.frames.sent",
    "counter",
    "{frame}",
    "Frames written to sockets, not counting control frames.",
)
EDGE_REFUSALS = Metric(
    "chat.edge.refusals",
    "counter",
    "{frame}",
    "Client frames answered with an error, by its code.",
    ("code",),
)
EDGE_HANDSHAKES = Metric(
    "chat.edge.handshakes",
    "counter",
    "{handshake}",
    "Requested upgrades, by outcome.",
    ("outcome",),
)
EDGE_CLOSES = Metric(
    "chat.edge.closes", "counter", "{socket}", "Sockets closed by the gateway, by code.", ("code",)
)
EDGE_PUBLISHED = Metric(
    "chat.edge.published",
    "counter",
    "{record}",
    "Records confirmed by Kafka, by topic.",
    ("topic",),
)
EDGE_UNAVAILABLE = Metric(
    "chat.edge.unavailable",
    "counter",
    "{record}",
    "Records that Kafka did not confirm in time, by topic.",
    ("topic",),
)
EDGE_DELIVERIES = Metric(
    "chat.edge.deliveries",
    "counter",
    "{record}",
    "Records of the gateway's delivery topic, by outcome.",
    ("outcome",),
)
EDGE_QUEUED = Metric(
    "chat.edge.queued", "gauge", "{record}", "Records that wait for Kafka's confirmation."
)
EDGE_WAITING = Metric(
    "chat.edge.waiting", "gauge", "By", "Bytes that wait for slow clients, all together."
)
EDGE_UNANSWERED = Metric(
    "chat.edge.unanswered", "gauge", "{record}", "Messages in the log that wait for an answer."
)

METRICS: tuple[Metric, ...] = (
    WORKER_RECORDS,
    WORKER_RETRIES,
    EDGE_SOCKETS,
    EDGE_SESSIONS,
    EDGE_FRAMES_RECEIVED,
    EDGE_FRAMES_SENT,
    EDGE_REFUSALS,
    EDGE_HANDSHAKES,
    EDGE_CLOSES,
    EDGE_PUBLISHED,
    EDGE_UNAVAILABLE,
    EDGE_DELIVERIES,
    EDGE_QUEUED,
    EDGE_WAITING,
    EDGE_UNANSWERED,
)
"""Every metric of every program."""


class Telemetry:
    """The metrics of one process."""

    def __init__(self, service: str, *, instance_id: str = "") -> None:
        self._registry = CollectorRegistry()
        views = [
            View(
                instrument_name=metric.name,
                aggregation=ExplicitBucketHistogramAggregation(_SECONDS),
            )
            for metric in METRICS
            if metric.kind == "histogram"
        ]
        self._provider = MeterProvider(
            metric_readers=[
                PrometheusMetricReader(scope_info_enabled=False, registry=self._registry)
            ],
            resource=Resource(
                {
                    "service.name": service,
                    "service.namespace": "chat",
                    "service.instance.id": instance_id,
                }
            ),
            views=views,
            shutdown_on_exit=False,
        )
        self._meter = self._provider.get_meter("chatlog")
        self._counts: dict[Metric, dict[tuple[str, ...], int]] = {}
        self._gauges: dict[Metric, Callable[[], float]] = {}
        self._histograms: dict[Metric, Histogram] = {}

    def count(self, metric: Metric, amount: int = 1, *labels: str) -> None:
        """Add to a counter. Labels are values, in the order of the catalogue."""
        counts = self._counts.get(metric)
        if counts is None:
            counts = self._observed(metric)
        counts[labels] = counts.get(labels, 0) + amount

    def counter(self, metric: Metric, *labels: str) -> Callable[[int], None]:
        """A function that adds to a counter: for hot paths."""
        counts = self._counts.get(metric)
        if counts is None:
            counts = self._observed(metric)
        counts.setdefault(labels, 0)

        def add(amount: int) -> None:
            counts[labels] += amount

        return add

    def gauge(self, metric: Metric, read: Callable[[], float]) -> None:
        """Show what a function says whenever a scrape comes."""
        assert metric.kind == "gauge"
        assert metric in METRICS
        self._gauges[metric] = read
        self._meter.create_observable_gauge(
            metric.name, [partial(_read, read)], metric.unit, metric.sentence
        )

    def observe(self, metric: Metric, seconds: float, *labels: str) -> None:
        """Record a duration. Not for hot paths."""
        assert metric.kind == "histogram"
        assert metric in METRICS
        histogram = self._histograms.get(metric)
        if histogram is None:
            histogram = self._meter.create_histogram(metric.name, metric.unit, metric.sentence)
            self._histograms[metric] = histogram
        histogram.record(seconds, dict(zip(metric.labels, labels, strict=True)))

    def records(self, group: str, outcome: str, amount: int) -> None:
        """Count records of a worker role."""
        self.count(WORKER_RECORDS, amount, group, outcome)

    def retries(self, group: str) -> None:
        """Count a batch that a worker role began again."""
        self.count(WORKER_RETRIES, 1, group)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _observed(self, metric: Metric) -> dict[tuple[str, ...], int]:
        assert metric.kind == "counter"
        assert metric in METRICS
        counts: dict[tuple[str, ...], int] = {}
        self._counts[metric] = counts
        self._meter.create_observable_counter(
            metric.name, [partial(_sum, metric.labels, counts)], metric.unit, metric.sentence
        )
        return counts


def _sum(
    labels: Sequence[str], counts: dict[tuple[str, ...], int], _: CallbackOptions
) -> Iterable[Observation]:
    return [
        Observation(amount, dict(zip(labels, values, strict=True)))
        for values, amount in list(counts.items())
    ]


def _read(read: Callable[[], float], _: CallbackOptions) -> Iterable[Observation]:
    return [Observation(read())]

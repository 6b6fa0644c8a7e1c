"""Says what is wrong with this machine and this instance, and what to do, in one line each.

Looks and touches nothing: it starts no part and takes no port.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from redis import RedisError

from events.topics import TOPICS
from infra import cassandra
from infra.demands import redis as demands_of_redis
from infra.demands.at_start import (
    cluster_breaches,
    existing_delivery_topics,
    kafka_breaches,
    stopped_by_one_broker,
)
from infra.demands.catalogue import Breach
from infra.errors import UserError
from infra.formats import path_problem
from infra.losses import losses
from infra.settings import (
    CassandraSettings,
    KafkaSettings,
    RedisSettings,
    inherited_environment,
    load,
)
from infra.stack import artifacts
from infra.stack.java import find_java
from infra.stack.part import State
from infra.stack.ports import holder_of, is_free
from infra.stack.redis import find_redis
from infra.stack.stack import Stack
from infra.stack.starting import DISK_FREE_BYTES_MIN

MEMORY_FREE_BYTES_MIN = 3 << 30
_FURTHER_BROKER_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    subject: str
    ok: bool
    sentence: str
    code: str = ""
    """Stable name of what is wrong; empty when nothing is."""
    remedy: str = ""
    is_warning: bool = False
    """Nothing is wrong now (`ok`), and `remedy` says what would make it better."""

    def as_json(self) -> dict[str, object]:
        """The same as plain JSON values."""
        return asdict(self)


def examine(stack: Stack) -> list[Finding]:
    """Everything that could keep the stack from running, most basic first."""
    return [
        _java(),
        _redis(),
        _jars(stack.jars),
        _path(stack),
        _disk(stack.folder),
        *_memory(stack),
        *_parts(stack),
        *_ports(stack),
        *_settings(stack),
        *_availability(stack),
        *_log(stack),
    ]


def _java() -> Finding:
    try:
        return Finding("java", True, f"Java 17 is {find_java(inherited_environment())}.")
    except UserError as error:
        return _bad("java", error)


def _redis() -> Finding:
    try:
        return Finding("redis-server", True, f"redis-server is {find_redis()}.")
    except UserError as error:
        return _bad("redis-server", error)


def _jars(jars: Path) -> Finding:
    if artifacts.is_complete(jars):
        return Finding("jars", True, "The jars are here and match artifacts.lock.")
    sentence = "The jars of the stack are missing or do not match infra/stack/artifacts.lock."
    return Finding("jars", False, sentence, "no_jars", "Run `make setup`.")


def _path(stack: Stack) -> Finding:
    for path in (stack.folder, stack.jars):
        if problem := path_problem(path):
            remedy = "Move the checkout, data included, to a folder without it."
            return Finding("path", False, problem, "unusable_path", remedy)
    return Finding("path", True, f"Every part can be told the path {stack.folder}.")


def _disk(folder: Path) -> Finding:
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free_bytes = shutil.disk_usage(existing).free
    sentence = f"{free_bytes / (1 << 30):.1f} GiB are free on the disk of {existing}"
    if free_bytes >= DISK_FREE_BYTES_MIN:
        return Finding("disk", True, f"{sentence}.")
    return Finding("disk", False, f"Only {sentence}.", "disk_full", "Free some space.")


def _memory(stack: Stack) -> Iterator[Finding]:
    """Only while the stack does not run; later its own memory is missing from what is free."""
    if any(status.pid for status in stack.status()):
        return
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            free_bytes = int(line.split()[1]) << 10
            sentence = f"{free_bytes / (1 << 30):.1f} GiB of memory are free"
            needed = MEMORY_FREE_BYTES_MIN + (stack.brokers - 1) * _FURTHER_BROKER_BYTES
            if free_bytes >= needed:
                yield Finding("memory", True, f"{sentence}.")
            else:
                yield Finding(
                    "memory",
                    False,
                    f"Only {sentence}; the stack needs up to {needed >> 30} GiB.",
                    "low_memory",
                    "End other programs first.",
                )


def _parts(stack: Stack) -> Iterator[Finding]:
    for status in stack.status():
        if status.state in (State.READY, State.STOPPED):
            yield Finding(status.name, True, status.sentence)
        else:
            code, remedy = f"part_{status.state}", f"To do: {status.remedy}."
            yield Finding(status.name, False, status.sentence, code, remedy)


def _ports(stack: Stack) -> Iterator[Finding]:
    """A remembered port that somebody else listens on while its part does not run."""
    running = {status.name for status in stack.status() if status.pid}
    for name, port in stack.ports.known().items():
        if name.partition(".")[0] in running or is_free(port):
            continue
        yield Finding(
            f"port {port}",
            False,
            f"Port {port}, remembered for {name}, is taken by {holder_of(port)}.",
            "port_taken",
            "End it, or run `chatlog down` and `chatlog up` to move to other ports.",
        )


@dataclass(frozen=True, slots=True)
class _Settings:
    kafka: KafkaSettings
    cassandra: CassandraSettings
    redis: RedisSettings


def _settings(stack: Stack) -> Iterator[Finding]:
    """Settings that promises rest on (`infra.demands`), of the parts that answer."""
    ready = {status.name for status in stack.status() if status.state == State.READY}
    if _a_broker_is_ready(stack):  # whichever of three
        ready.add("kafka")
    if not ready & {"kafka", "cassandra", "redis"}:
        return
    known = load(_Settings, stack.environment())
    asks: dict[str, Callable[[], list[Breach]]] = {
        "kafka": lambda: [
            *kafka_breaches(known.kafka, [*TOPICS, *existing_delivery_topics(known.kafka)]),
            *cluster_breaches(known.kafka),
        ],
        "cassandra": lambda: cassandra.breaches(known.cassandra),
        "redis": lambda: demands_of_redis.breaches(known.redis),
    }
    for part, ask in asks.items():
        if part not in ready:
            continue
        subject = f"settings of {part}"
        try:
            found = ask()
        except (KafkaException, RedisError, UserError) as error:
            sentence = f"{part} could not be asked for its settings: {error}."
            yield Finding(subject, False, sentence, "settings_unknown", "Ask again in a moment.")
            continue
        for breach in found:
            yield Finding(subject, False, breach.sentence, "setting_refused", breach.remedy)
        if not found:
            yield Finding(subject, True, f"{part} is set as the promises need it.")


def _availability(stack: Stack) -> Iterator[Finding]:
    """Topics that take no records while one broker is away, though they have several copies."""
    if not _a_broker_is_ready(stack):
        return
    kafka = load(_Settings, stack.environment()).kafka
    try:
        found = stopped_by_one_broker(kafka, [*TOPICS, *existing_delivery_topics(kafka)])
    except KafkaException:
        return  # the settings could not be asked either, which is said there
    for topic, (copies, needed) in found.items():
        yield Finding(
            f"topic {topic}",
            True,
            f"{topic} has {copies} copies and min.insync.replicas={needed}: while one broker is "
            "away, nothing is written to it.",
            "no_spare_copy",
            f"Set it to {copies - 1} with Kafka's kafka-configs, or add a copy."
            if copies > 2
            else "Add a third copy with Kafka's kafka-reassign-partitions.",
            is_warning=True,
        )


def _a_broker_is_ready(stack: Stack) -> bool:
    ready = {status.name for status in stack.status() if status.state == State.READY}
    return not ready.isdisjoint(stack.broker_names())


def _log(stack: Stack) -> Iterator[Finding]:
    """Whether the log holds what was read from it."""
    if not _a_broker_is_ready(stack):
        return
    kafka = load(_Settings, stack.environment()).kafka
    try:
        found = losses(kafka)
    except (KafkaException, TimeoutError) as error:
        sentence = f"Kafka could not be asked what the log holds: {error}."
        yield Finding("log", False, sentence, "log_unknown", "Ask again in a moment.")
        return
    for loss in found:
        remedy = "See `After a log was lost or restored` in docs/deploying.md."
        yield Finding("log", False, f"{loss}.", "log_lost", remedy)
    if not found:
        yield Finding("log", True, "The log holds what was read from it.")


def _bad(subject: str, error: UserError) -> Finding:
    return Finding(subject, False, error.sentence, error.code, error.remedy)

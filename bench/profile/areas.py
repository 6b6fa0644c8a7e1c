"""Which area of a process a stack belongs to. Pure.

A rule is a name and a pattern of frames. A stack belongs to the area of its innermost frame that
any rule knows; rules are asked in their order. What none knows is "everything else".
"""

import re
from collections.abc import Sequence
from enum import StrEnum

from bench.profile.stacks import Stack, Stacks, total

ELSE = "everything else"

Rules = Sequence[tuple[str, str]]


class Kind(StrEnum):
    """What a process is."""

    PYTHON = "python"
    KAFKA = "kafka"
    CASSANDRA = "cassandra"

    @classmethod
    def of(cls, name: str) -> "Kind":
        """By the name of the part; a further broker is named `kafka-2`."""
        return next((kind for kind in cls if name.startswith(kind)), cls.PYTHON)


_JVM: Rules = (
    ("compiling (JIT)", r"CompilerThre|^CompileBroker::"),
    ("collecting garbage", r"^\[(GC|VM) Thread|^\[ParGC"),
)

RULES: dict[Kind, Rules] = {
    Kind.PYTHON: (
        ("librdkafka's threads", r"^librdkafka's threads$"),
        ("the kernel: sockets, waking, sleeping", r"^\(kernel\)$"),
        ("records to and from librdkafka", r"\(confluent_kafka/|infra/producer\.py"),
        ("Avro", r"\(_(read|write)\.c\)|events/codec\.py|^(msgspec_)?convert"),
        ("JSON and frames", r"^JSON|edge/(strict_json|frames)\.py|events/frames\.py"),
        ("WebSocket: reading", r"^uv__read|edge/wire\.py"),
        ("WebSocket: writing", r"edge/outbox\.py|edge/connections\.py"),
        ("Cassandra's driver", r"cassandra/"),
        ("rows and statements", r"infra/(database|statements)\.py|projections/(history|receipts)/"),
        ("Redis", r"infra/redis\.py|hiredis|projections/(routing|heads|sessions)/"),
        ("Faust", r"faust/|mode/|\(streams\.c\)|^Stream(Iterator)?_"),
        ("gateway's own code", r"\(edge/"),
        ("admission", r"\(processors/admission/"),
        ("fan-out", r"\(processors/(fanout/|deliveries)"),
        ("snapshots", r"\(processors/snapshots/"),
        ("batches of workers", r"\(processors/"),
        ("asyncio and uvloop", r"\((loop|core|linux|stream|timer|loop-watcher)\.c\)|asyncio"),
    ),
    Kind.KAFKA: (
        *_JVM,
        ("produce requests", r"^KafkaApis\.handleProduceRequest"),
        ("fetch requests", r"^KafkaApis\.handleFetchRequest|DelayedFetch"),
        ("requests of groups", r"^KafkaApis\.handle\w*(Group|Offset)"),
        ("request threads: waking, the rest", r"^\[data-plane-kafka-request-handler"),
        ("network thread: waiting for sockets", r"^Selector\.select$"),
        ("network thread: writing answers", r"^Selector\.attemptWrite"),
        ("network thread: reading requests", r"^Selector\.attemptRead"),
        ("network thread: handing over, the rest", r"^\[data-plane-kafka-network"),
        ("group coordinator", r"^\[(executor-)?group-coordinator"),
        ("timers of waiting requests", r"^\[(ExpirationReaper|executor-)"),
        ("controller and its log", r"^\[.*(raft|controller|metadata)"),
    ),
    Kind.CASSANDRA: (
        *_JVM,
        ("writing rows", r"^\[MutationStage"),
        ("reading rows", r"^\[ReadStage"),
        ("commit log", r"^\[.*COMMIT-LOG"),
        ("requests: decoding, coordinating, answering", r"^\[Native-Transport-Requests"),
        ("network", r"^\[epollEventLoop"),
        ("flushing and compacting", r"^\[(Memtable|Compaction|PerDisk|Reclaim)"),
        ("timers", r"^\[(Scheduled|OptionalTasks|NonPeriodic)"),
    ),
}


def shares(stacks: Stacks, rules: Rules) -> dict[str, float]:
    """The share of each area, the largest first; areas without any are left out."""
    compiled = [(area, re.compile(pattern)) for area, pattern in rules]
    weights: dict[str, float] = {}
    known: dict[str, str | None] = {}

    def area_of(stack: Stack) -> str:
        for frame in reversed(stack):
            if frame not in known:
                known[frame] = next((area for area, rule in compiled if rule.search(frame)), None)
            if area := known[frame]:
                return area
        return ELSE

    for stack, weight in stacks.items():
        area = area_of(stack)
        weights[area] = weights.get(area, 0.0) + weight
    whole = total(stacks) or 1.0
    ordered = sorted(weights.items(), key=lambda item: -item[1])
    return {area: round(weight / whole, 4) for area, weight in ordered if weight}

"""How long admission takes from the start of its process to its first decision, on a long log.

Messages are submitted first, one to each partition; then the process is started; the broker's time
of each decision says when it was made (all clocks are this machine's). Three starts: without
snapshots (the whole log is folded), with those that the snapshots worker wrote, and with them after
a SIGKILL, when the broker first has to notice that the old owner is gone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import Producer
from msgspec import Struct

from bench import long_log
from bench.cost import cpu_seconds, resident_bytes
from bench.world import World
from events.codec import Codec
from events.messages import MessageSent
from events.topics import CONVERSATIONS, PARTITIONS, SUBMISSIONS
from infra.errors import UserError
from infra.ids_file import codec_at_start
from infra.lag import LagReader
from infra.log_reader import LogReader
from infra.settings import KafkaSettings, SchemaSettings, load

_DECIDED_SECONDS = 180.0
_SNAPSHOT_SECONDS = 600.0
_POLL_SECONDS = 0.2
_ADMISSION = "admission-1"
_SNAPSHOTS = "snapshots-1"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How long the log is."""

    plan: long_log.Plan


@dataclass(frozen=True, slots=True)
class _Settings:
    kafka: KafkaSettings
    schemas: SchemaSettings


class Start(Struct, frozen=True, kw_only=True):
    """One start of the process."""

    first_decision_seconds: float
    last_partition_seconds: float
    """When every partition had made a decision."""
    cpu_seconds: float
    resident_mib: float


class RestartResult(Struct, frozen=True, kw_only=True, tag_field="scenario", tag="restart"):
    """What was measured."""

    facts: int
    writing_seconds: float
    without_snapshots: Start
    with_snapshots: Start
    after_kill: Start


def measure(world: World, options: Options, tell: Tell) -> RestartResult:
    """Measure on a world without any service."""
    environment = world.stack.environment()
    kafka = load(_Settings, environment).kafka
    codec = codec_at_start(load(_Settings, environment).schemas.ids)
    tell(f"writing {options.plan.messages:,} facts …")
    began = time.monotonic()
    long_log.write(kafka, codec, options.plan)
    writing_seconds = time.monotonic() - began
    starts = _Starts(world, kafka, codec)
    tell("starting admission without snapshots …")
    without = starts.measure()
    world.stack.stop_part(_ADMISSION)
    tell("waiting for the snapshots worker …")
    _let_snapshots_be_written(world, kafka)
    tell("starting admission with snapshots …")
    with_snapshots = starts.measure()
    world.stack.kill(_ADMISSION)
    tell("starting admission after a SIGKILL …")
    after_kill = starts.measure()
    return RestartResult(
        facts=options.plan.messages,
        writing_seconds=round(writing_seconds, 1),
        without_snapshots=without,
        with_snapshots=with_snapshots,
        after_kill=after_kill,
    )


class _Starts:
    """Starts admission and watches for its decisions."""

    def __init__(self, world: World, kafka: KafkaSettings, codec: Codec) -> None:
        self._world = world
        self._kafka = kafka
        self._codec = codec
        self._probes = [long_log.probe(partition) for partition in range(PARTITIONS)]

    def measure(self) -> Start:
        """Submit, start, and wait for a decision of every partition."""
        with LogReader(self._kafka) as reader:
            places = [(CONVERSATIONS.name, partition) for partition in range(PARTITIONS)]
            seen = {place: end for place, (_, end) in reader.ends(places).items()}
            wanted = self._submit()
            started_at = time.time()
            self._world.run_worker(_ADMISSION, "admission")
            decided_at: list[float] = []
            while wanted:
                if time.time() > started_at + _DECIDED_SECONDS:
                    raise _undecided(len(wanted))
                time.sleep(_POLL_SECONDS)
                ends = {place: end for place, (_, end) in reader.ends(places).items()}
                for record in reader.read({place: (seen[place], ends[place]) for place in places}):
                    fact = self._codec.decode(record.value())
                    if isinstance(fact, MessageSent) and fact.client_message_id in wanted:
                        wanted.remove(fact.client_message_id)
                        decided_at.append(record.timestamp()[1] / 1000)
                seen = ends
        pid = self._world.pids()[_ADMISSION]
        return Start(
            first_decision_seconds=round(min(decided_at) - started_at, 2),
            last_partition_seconds=round(max(decided_at) - started_at, 2),
            cpu_seconds=round(cpu_seconds(pid), 1),
            resident_mib=round(resident_bytes(pid) / 2**20, 1),
        )

    def _submit(self) -> set[str]:
        """Submit one new message to every partition; their ids."""
        producer = Producer(self._kafka.connection(), logger=None)
        ids = set()
        for partition, probe in enumerate(self._probes):
            submitted = long_log.renewed(probe)
            ids.add(submitted.client_message_id)
            producer.produce(
                SUBMISSIONS.name,
                self._codec.encode(submitted),
                submitted.conversation_id.encode(),
                partition,
            )
        producer.flush(_DECIDED_SECONDS)
        return ids


def _let_snapshots_be_written(world: World, kafka: KafkaSettings) -> None:
    world.run_worker(_SNAPSHOTS, "snapshots")
    caught_up = LagReader(kafka).seconds_until_caught_up(["snapshots"], _SNAPSHOT_SECONDS)
    world.stack.stop_part(_SNAPSHOTS)
    if caught_up is None:
        raise UserError(
            "no_snapshots",
            f"The snapshots worker did not reach the end of the log in {_SNAPSHOT_SECONDS:.0f} s.",
            f"Read the log of {_SNAPSHOTS} in the benchmark's folder.",
        )


def _undecided(missing: int) -> UserError:
    return UserError(
        "no_decision",
        f"{missing} of {PARTITIONS} submissions were not decided in {_DECIDED_SECONDS:.0f} s.",
        f"Read the log of {_ADMISSION} in the benchmark's folder.",
    )

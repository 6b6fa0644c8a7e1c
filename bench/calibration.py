"""What the reference work costs here and now: the yardsticks by which our own costs are measured.

In: a world whose services stand idle. Out: CPU microseconds of a unit of work, and of a record that
goes through Kafka and back: what its client spends, and what Kafka does.
"""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from msgspec import Struct

from bench.cost import mark, spent
from bench.world import World
from events.topics import Topic
from infra import topics
from infra.errors import UserError
from infra.settings import KafkaSettings, load

TOPIC = Topic(
    name="bench.reference",
    holds="records of the reference round",
    key="none",
    events=(),
    producers=("bench",),
    consumers=("bench",),
    partitions=1,
    retention_ms=3_600_000,
)

_MARGIN_SECONDS = 60.0

_PYTHON = ("work", "client")
_YARDSTICKS = {"kafka": ("kafka",), "cassandra": ("work", "kafka"), "redis": ("work",)}
"""What moves as a process does; ours are Python, and all of them clients of Kafka."""


class Yardsticks(Struct, frozen=True):
    """CPU microseconds of one unit of each kind of reference work."""

    work: float
    client: float
    kafka: float

    def of(self, process: str) -> float:
        """The yardstick for a process of ours: the geometric mean of what moves as it does."""
        names = _YARDSTICKS.get(process, _PYTHON)
        return float(prod(getattr(self, name) for name in names) ** (1 / len(names)))

    def between(self, other: "Yardsticks") -> "Yardsticks":
        """In the middle of two: those before and after a load."""
        return Yardsticks(
            *(
                round((getattr(self, name) + getattr(other, name)) / 2, 2)
                for name in self.__struct_fields__
            )
        )


@dataclass(frozen=True, slots=True)
class _Settings:
    kafka: KafkaSettings


def prepare(world: World) -> None:
    """Make the topic of the reference round."""
    topics.apply(load(_Settings, world.stack.environment()).kafka, [TOPIC])


def calibrate(world: World, rate: float, seconds: float) -> Yardsticks:
    """Measure now; our services should have nothing to do. Raises UserError."""
    kafka = {"kafka": world.pids()["kafka"]}
    # What Kafka spends on services that stand idle is no part of the reference.
    _, work, idle_cores = _run(kafka, "work", rate, seconds)
    done, client, cores = _run(kafka, "round", rate, seconds, _bootstrap(world), TOPIC.name)
    net_seconds = (cores["kafka"] - idle_cores["kafka"]) * seconds
    return Yardsticks(work=work, client=client, kafka=round(net_seconds * 1e6 / done, 1))


def _run(
    watched: Mapping[str, int], kind: str, rate: float, seconds: float, *where: str
) -> tuple[int, float, dict[str, float]]:
    """Units done, microseconds of one, and the cores that the watched processes used meanwhile."""
    with subprocess.Popen(
        (sys.executable, "-m", "bench.reference", kind, str(rate), str(seconds), *where),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        begin = mark(watched)
        line = process.stdout.readline()
        cost = spent(begin, mark(watched))
        try:
            status = process.wait(_MARGIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    said = line.split()
    if status != 0 or said[:1] != ["end"]:
        raise UserError(
            "calibration_failed",
            f"The reference work `{kind}` ended with status {status}.",
            "Read what it printed; run it again.",
        )
    cores = {name: used / cost.seconds for name, used in cost.cpu_seconds.items()}
    return int(said[1]), float(said[2]), cores


def _bootstrap(world: World) -> str:
    return world.kafka().bootstrap

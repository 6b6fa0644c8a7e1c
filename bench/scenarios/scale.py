"""How the cost of a message grows: with partitions, worker processes, sockets, messages stored.

One thing changes from point to point, the load stays the same: so many messages a second with all
their receipts. What a message costs each process is the answer, and where it stays flat.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum

from msgspec import Struct

from bench import long_log, variant
from bench.jitter import lost_share
from bench.scenarios import latency
from bench.scenarios.latency import Options
from bench.scenarios.traffic import Traffic
from bench.world import Shape, Workers, World, world
from infra.errors import UserError
from infra.ids_file import codec_at_start
from infra.lag import LagReader
from infra.settings import SchemaSettings, load
from infra.stack import services
from infra.stack.part import OnProgress

CATCH_UP_PER_SECOND_MIN = 300.0
"""Of stored messages; slower, and the wait is given up."""

_STORING = ("history", "receipts", "fanout", "snapshots")
"""The groups that take what is decided. Admission commits nothing before there is a submission."""

_CATCH_UP_SECONDS = 120.0
_CONVERSATIONS_MAX = 50_000
_CONVERSATIONS_AT_A_TIME = 100

Progress = Callable[[], AbstractContextManager[OnProgress]]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Settings:
    schemas: SchemaSettings


class Axis(StrEnum):
    """What changes from point to point."""

    PARTITIONS = "partitions"
    WORKERS = "workers"
    SOCKETS = "sockets"
    STORED = "stored"


class Point(Struct, frozen=True, kw_only=True):
    """One point of a line."""

    at: int
    traffic: Traffic
    note: str = ""


class ScaleResult(Struct, frozen=True, kw_only=True, tag_field="scenario", tag="scale"):
    """One line: the cost of a message at each point."""

    axis: Axis
    points: list[Point]
    jitter_before: float
    jitter_after: float


def measure(
    axis: Axis, values: Sequence[int], options: Options, progress: Progress, tell: Tell
) -> Iterator[ScaleResult]:
    """Measure each point on a fresh stack of its own; gives the line so far after each of them."""
    before = lost_share()
    points = []
    for value in values:
        tell(f"{axis}: {value:,}")
        points.append(_point(axis, value, options, progress, tell))
        yield ScaleResult(
            axis=axis, points=[*points], jitter_before=before, jitter_after=lost_share()
        )


def _point(axis: Axis, value: int, options: Options, progress: Progress, tell: Tell) -> Point:
    match axis:
        case Axis.PARTITIONS:
            return Point(at=value, traffic=variant.measure(value, options, tell).traffic)
        case Axis.WORKERS:
            return _workers(value, options, progress)
        case Axis.SOCKETS:
            pairs = replace(options, pairs=max(1, value // 2))
            with world(Shape(), progress) as fresh:
                return Point(at=value, traffic=latency.measure(fresh, pairs).traffic)
        case Axis.STORED:
            return _stored(value, options, progress, tell)


def _workers(processes: int, options: Options, progress: Progress) -> Point:
    """All roles in one process; front and back; then more processes for what people wait for."""
    shape = Shape(workers=Workers.ALL_IN_ONE if processes == 1 else Workers.SPLIT)
    with world(shape, progress) as fresh:
        for number in range(3, processes + 1):
            fresh.run_worker(f"worker-{number}", *services.FRONT)
        traffic = latency.measure(fresh, options).traffic
    further = f", {processes - 2} more front" if processes > 2 else ""
    note = "all roles in one" if processes == 1 else f"front and back{further}"
    return Point(at=processes, traffic=traffic, note=note)


def _stored(messages: int, options: Options, progress: Progress, tell: Tell) -> Point:
    """A log of so many messages, all of them in history too, before the load begins."""
    shape = Shape()
    with world(replace(shape, gateways=0), progress) as fresh:
        environment = fresh.stack.environment()
        codec = codec_at_start(load(_Settings, environment).schemas.ids)
        plan = long_log.Plan(
            messages=messages,
            conversations=max(1, min(_CONVERSATIONS_MAX, messages // 10)),
            at_a_time=_CONVERSATIONS_AT_A_TIME,
        )
        tell(f"writing {messages:,} facts …")
        long_log.write(fresh.kafka(), codec, plan)
        seconds_max = _CATCH_UP_SECONDS + messages / CATCH_UP_PER_SECOND_MIN
        fresh.run_services(shape, ready_seconds_max=seconds_max)
        tell("waiting until all of it is stored …")
        seconds = _store(fresh, seconds_max)
        traffic = latency.measure(fresh, options).traffic
    return Point(at=messages, traffic=traffic, note=f"stored in {seconds:.0f} s")


def _store(fresh: World, seconds_max: float) -> float:
    lags = LagReader(fresh.kafka())
    seconds = lags.seconds_until_caught_up(_STORING, seconds_max)
    if seconds is None:
        raise UserError(
            "not_stored",
            f"The workers had not stored the log after {seconds_max:.0f} s.",
            "Store fewer messages, or measure on a machine with less to do.",
        )
    return seconds

"""What one gateway alone costs: CPU of a frame that comes in, memory of a socket that is idle.

No worker runs, and neither Cassandra nor Redis: what is measured is the edge, and the Kafka that it
publishes to. The rate is as high as the gateway reads; that all of it is in the log is counted.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import Popen

import msgspec
from msgspec import Struct

from bench.cost import mark, resident_bytes, spent
from bench.inbound import Plan, Said
from bench.jitter import lost_share
from bench.registrar import registrar
from bench.world import World
from events.topics import SUBMISSIONS
from infra.errors import UserError
from infra.log_reader import LogReader

PLANS = (("ping", 1), ("send", 1), ("send", 8), ("delivered", 1), ("delivered", 8))

_GATEWAY = "gateway-1"
_NOT_NEEDED = ("cassandra", "redis", "registry")
_SETTLE_SECONDS = 3.0
_END_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How many sockets say how much, and how many say nothing."""

    sockets: int = 200
    idle_sockets: int = 10_000
    idle_seconds: float = 70.0
    """Longer than two heartbeats, so that pings and pongs are part of it."""
    warm_up_seconds: float = 10.0
    seconds: float = 10.0


class Inbound(Struct, frozen=True, kw_only=True):
    """Frames of one kind."""

    kind: str
    depth: int
    frames_per_second: float
    pings_per_second: float
    microseconds_a_frame: float
    """Of the gateway, over all frames that came in."""
    microseconds_a_request: float
    """Of the gateway, over the frames of the kind alone: each has its part of the ping and pong."""
    kafka_microseconds_a_request: float
    load_microseconds_a_request: float
    records: int
    """That the submissions topic got."""
    missing: int
    """Sends that are not in the log and were not refused."""
    problems: int


class EdgeResult(Struct, frozen=True, kw_only=True, tag_field="scenario", tag="edge"):
    """What was measured."""

    sockets: int
    inbound: list[Inbound]
    idle_sockets: int
    connected_seconds: float
    kib_a_socket: float
    """From before the first to the larger of just connected and held."""
    idle_microseconds_a_socket_and_second: float
    ended: int
    """Idle sockets that the gateway closed; none should be."""
    jitter_before: float
    jitter_after: float


def measure(world: World, options: Options, tell: Callable[[str], None]) -> EdgeResult:
    """Measure on a world with one gateway and no workers."""
    for part in _NOT_NEEDED:
        world.stack.stop_part(part)
    before = lost_share()
    tell(f"holding {options.idle_sockets:,} idle sockets …")
    idle = _idle(world, options)
    inbound = []
    for kind, depth in PLANS:
        plan = Plan(
            kind=kind,
            depth=depth,
            sockets=options.sockets,
            warm_up_seconds=options.warm_up_seconds,
            seconds=options.seconds,
        )
        inbound.append(_inbound(world, plan))
        tell(
            f"{kind} x{depth}: {inbound[-1].frames_per_second:,.0f}/s, "
            f"{inbound[-1].microseconds_a_request:.1f} us each"
        )
    return EdgeResult(
        sockets=options.sockets,
        inbound=inbound,
        idle_sockets=options.idle_sockets,
        connected_seconds=idle.connected_seconds,
        kib_a_socket=idle.kib_a_socket,
        idle_microseconds_a_socket_and_second=idle.microseconds,
        ended=idle.ended,
        jitter_before=before,
        jitter_after=lost_share(),
    )


@dataclass(frozen=True, slots=True)
class _Idle:
    connected_seconds: float
    kib_a_socket: float
    microseconds: float
    ended: int


def _idle(world: World, options: Options) -> _Idle:
    gateway = world.pids()[_GATEWAY]
    time.sleep(_SETTLE_SECONDS)
    bare = resident_bytes(gateway)
    began = time.monotonic()
    with _speaking(world, Plan(kind="idle", sockets=options.idle_sockets)) as process:
        _line(process, "begin")
        connected_seconds = time.monotonic() - began
        time.sleep(_SETTLE_SECONDS)
        connected = resident_bytes(gateway)
        begin = mark({_GATEWAY: gateway})
        time.sleep(options.idle_seconds)
        cost = spent(begin, mark({_GATEWAY: gateway}))
        held = resident_bytes(gateway)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        said = _said(process)
    each = options.idle_sockets * cost.seconds
    return _Idle(
        connected_seconds=round(connected_seconds, 1),
        kib_a_socket=round((max(connected, held) - bare) / 1024 / options.idle_sockets, 1),
        microseconds=round(cost.cpu_seconds[_GATEWAY] * 1e6 / each, 2),
        ended=said.ended,
    )


def _inbound(world: World, plan: Plan) -> Inbound:
    pids = {name: world.pids()[name] for name in (_GATEWAY, "kafka")}
    records = _records(world)
    with _speaking(world, plan) as process:
        pids["load"] = process.pid
        _line(process, "begin")
        _line(process, "begin")
        begin = mark(pids)
        _line(process, "measured")
        cost = spent(begin, mark(pids))
        said = _said(process)
    time.sleep(_SETTLE_SECONDS)
    written = _records(world) - records
    each = {name: used * 1e6 / max(said.frames, 1) for name, used in cost.cpu_seconds.items()}
    share = said.frames / max(said.frames + said.pings, 1)
    return Inbound(
        kind=plan.kind,
        depth=plan.depth,
        frames_per_second=round(said.frames / said.seconds, 1),
        pings_per_second=round(said.pings / said.seconds, 1),
        microseconds_a_frame=round(each[_GATEWAY] * share, 2),
        microseconds_a_request=round(each[_GATEWAY], 2),
        kafka_microseconds_a_request=round(each["kafka"], 2),
        load_microseconds_a_request=round(each["load"], 2),
        records=written,
        missing=said.all_frames - said.problems - written if plan.kind == "send" else 0,
        problems=said.problems,
    )


@contextmanager
def _speaking(world: World, plan: Plan) -> Iterator[Popen[str]]:
    """The program that speaks; gone afterwards, whatever happens."""
    with registrar(world.kafka(), world.codec()):
        process = Popen(
            (sys.executable, "-m", "bench.inbound", msgspec.json.encode(plan).decode()),
            env=world.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def _line(process: Popen[str], wanted: str) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith(wanted):
        raise UserError(
            "load_failed",
            f"The load program said {line.strip() or 'nothing'!r} where {wanted!r} was expected.",
            f"Read the log of {_GATEWAY} in the benchmark's folder.",
        )
    return line.removeprefix(wanted)


def _said(process: Popen[str]) -> Said:
    said = msgspec.json.decode(_line(process, "end"), type=Said)
    process.wait(_END_SECONDS)
    return said


def _records(world: World) -> int:
    places = [(SUBMISSIONS.name, partition) for partition in range(SUBMISSIONS.partitions)]
    with LogReader(world.kafka()) as reader:
        return sum(end for _, end in reader.ends(places).values())

"""What an idle authenticated socket costs the gateway in memory."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct

from bench.commands import Connected, ConnectIdle
from bench.cost import mark, resident_bytes, spent
from bench.world import World

_SETTLE_SECONDS = 3.0
_CONNECT_SECONDS = 300.0
_GATEWAY = "gateway-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How many sockets, and how long they are held."""

    sockets: int = 5_000
    seconds: float = 70.0
    """Longer than two heartbeats, so that pings and pongs are part of it."""


class IdleResult(Struct, frozen=True, kw_only=True, tag_field="scenario", tag="idle"):
    """What was measured, over all gateways."""

    sockets: int
    connected_seconds: float
    baseline_mib: float
    connected_mib: float
    held_mib: float
    kib_a_socket: float
    """From baseline to the larger of the two later figures."""
    cpu_microseconds_a_socket_and_second: dict[str, float]
    ended: int
    """Sockets that the gateway closed; none should be."""


def measure(world: World, options: Options) -> IdleResult:
    """Hold idle sockets on a world that has gateways and workers."""
    pids = world.pids()
    gateways = {name: pid for name, pid in pids.items() if name.startswith(_GATEWAY)}
    time.sleep(_SETTLE_SECONDS)
    baseline = _mib(gateways)
    with world.driver() as driver:
        driver.tell(ConnectIdle(options.sockets))
        connected = driver.wait(Connected, _CONNECT_SECONDS)
        time.sleep(_SETTLE_SECONDS)
        at_once = _mib(gateways)
        begin = mark({**pids, "load": driver.pid})
        time.sleep(options.seconds)
        cost = spent(begin, mark({**pids, "load": driver.pid}))
        held = _mib(gateways)
        ended = driver.finish().ended
    each = options.sockets * cost.seconds
    return IdleResult(
        sockets=connected.sockets,
        connected_seconds=connected.seconds,
        baseline_mib=baseline,
        connected_mib=at_once,
        held_mib=held,
        kib_a_socket=round((max(at_once, held) - baseline) * 1024 / options.sockets, 1),
        cpu_microseconds_a_socket_and_second={
            name: round(seconds * 1e6 / each, 2) for name, seconds in cost.cpu_seconds.items()
        },
        ended=sum(ended.values()),
    )


def _mib(gateways: Mapping[str, int]) -> float:
    return round(sum(map(resident_bytes, gateways.values())) / 2**20, 2)

"""Latency at a modest rate, after a warm-up: 500 messages a second with all their receipts."""

from dataclasses import dataclass

from msgspec import Struct

from bench.commands import Connected, ConnectPairs
from bench.jitter import lost_share
from bench.scenarios.traffic import Stretch, Traffic, drive
from bench.world import World
from infra.lag import LagReader

_CONNECT_SECONDS = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much load."""

    pairs: int = 100
    rate: float = 500.0
    warm_up_seconds: float = 45.0
    """Two JVMs compile what is hot for about so long."""
    seconds: float = 30.0


class LatencyResult(Struct, frozen=True, kw_only=True, tag_field="scenario", tag="latency"):
    """What was measured."""

    pairs: int
    traffic: Traffic
    jitter_before: float
    jitter_after: float


def measure(world: World, options: Options) -> LatencyResult:
    """Measure latency on a world that has gateways and workers."""
    lags = LagReader(world.kafka())
    before = lost_share()
    with world.driver() as driver:
        driver.tell(ConnectPairs(options.pairs))
        driver.wait(Connected, _CONNECT_SECONDS)
        stretch = Stretch(
            rate=options.rate, warm_up_seconds=options.warm_up_seconds, seconds=options.seconds
        )
        traffic = drive(world, driver, lags, stretch)
        driver.finish()
    return LatencyResult(
        pairs=options.pairs, traffic=traffic, jitter_before=before, jitter_after=lost_share()
    )

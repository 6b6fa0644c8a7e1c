"""How much is sustained: a rising rate, until receipts are missing or a group falls behind.

A step is sustained when every message reached every stage once and in order, the slowest hundredth
of first ticks stayed below a bound, and `history`, `receipts` and `fanout` were at the end of the
log within seconds. Throughput that a growing queue pays for is no throughput.
"""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from bench.commands import Connected, ConnectPairs
from bench.jitter import lost_share
from bench.scenarios.traffic import Stretch, Traffic, drive
from bench.world import World
from infra.lag import LagReader

ACCEPTED_P99_MS_MAX = 500.0
RATES = (1_000.0, 1_500.0, 2_000.0, 2_500.0, 3_000.0)

_CONNECT_SECONDS = 90.0
_WARM_UP_RATE = 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The steps."""

    pairs: int = 100
    rates: tuple[float, ...] = RATES
    warm_up_seconds: float = 20.0
    step_warm_up_seconds: float = 3.0
    seconds: float = 20.0


class CapacityResult(Struct, frozen=True, kw_only=True, tag_field="scenario", tag="capacity"):
    """What was measured: each step that was tried, and the highest rate that was sustained."""

    pairs: int
    steps: list[Traffic]
    sustained_per_second: float
    jitter_before: float
    jitter_after: float


def is_sustained(traffic: Traffic) -> bool:
    """Whether a step counts."""
    p99 = traffic.loaded.latencies["accepted"]["p99_ms"]
    return traffic.is_sustained and p99 <= ACCEPTED_P99_MS_MAX


def measure(
    world: World, options: Options, on_step: Callable[[Traffic], None] = lambda step: None
) -> CapacityResult:
    """Raise the load until it is no longer sustained."""
    lags = LagReader(world.kafka())
    before = lost_share()
    steps: list[Traffic] = []
    with world.driver() as driver:
        driver.tell(ConnectPairs(options.pairs))
        driver.wait(Connected, _CONNECT_SECONDS)
        drive(
            world,
            driver,
            lags,
            Stretch(rate=_WARM_UP_RATE, warm_up_seconds=0, seconds=options.warm_up_seconds),
        )
        for rate in options.rates:
            stretch = Stretch(
                rate=rate, warm_up_seconds=options.step_warm_up_seconds, seconds=options.seconds
            )
            steps.append(drive(world, driver, lags, stretch))
            on_step(steps[-1])
            if not is_sustained(steps[-1]):
                break
        driver.finish()
    sustained = [step.offered_per_second for step in steps if is_sustained(step)]
    return CapacityResult(
        pairs=options.pairs,
        steps=steps,
        sustained_per_second=max(sustained, default=0.0),
        jitter_before=before,
        jitter_after=lost_share(),
    )

"""Load beyond capacity: what is still done, how long it takes, who is told to wait, and afterwards.

Rates rise far beyond what two cores carry. Goodput is what was delivered of what was sent in a
step, a second; its highest is the peak. What is not taken is told so, and costs little.
"""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from bench.commands import Connected, ConnectPairs
from bench.jitter import lost_share
from bench.scenarios.traffic import Stretch, Traffic, drive
from bench.world import World
from infra.lag import LagReader

_CONNECT_SECONDS = 90.0
_CALM_RATE = 300.0
_SETTLE_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The steps."""

    pairs: int = 100
    rates: tuple[float, ...] = (1_000.0, 1_500.0, 2_000.0, 3_000.0, 4_500.0)
    warm_up_seconds: float = 30.0
    seconds: float = 20.0


class OverloadResult(Struct, frozen=True, kw_only=True, tag_field="scenario", tag="overload"):
    """What was measured: before, each step, and after."""

    calm: Traffic
    steps: list[Traffic]
    recovered: Traffic
    jitter_before: float
    jitter_after: float

    @property
    def peak_per_second(self) -> float:
        """The highest goodput of any step."""
        return max(map(goodput, self.steps))

    @property
    def worst_share(self) -> float:
        """Of the peak, the least that was left at any higher rate."""
        delivered, peak = [*map(goodput, self.steps)], self.peak_per_second
        return round(min(delivered[delivered.index(peak) :]) / peak, 3)

    @property
    def broken(self) -> int:
        """Messages lost, doubled or reordered in any step."""
        return sum(one.loaded.broken for one in (self.calm, *self.steps, self.recovered))


def goodput(step: Traffic) -> float:
    """Messages a second that were delivered, of those that were sent in a step."""
    loaded = step.loaded
    delivered = loaded.messages - refused(step) - loaded.missing["delivered"]
    return round(delivered / loaded.messages * step.throughput_per_second, 1)


def refused(step: Traffic) -> int:
    """Messages that were told to come again."""
    return step.loaded.problems.get("unavailable", 0)


def measure(
    world: World, options: Options, on_step: Callable[[Traffic], None] = lambda step: None
) -> OverloadResult:
    """Go far beyond capacity, and back."""
    lags = LagReader(world.kafka())
    before = lost_share()
    with world.driver() as driver:
        driver.tell(ConnectPairs(options.pairs))
        driver.wait(Connected, _CONNECT_SECONDS)

        def load(rate: float, warm_up_seconds: float) -> Traffic:
            return drive(
                world,
                driver,
                lags,
                Stretch(
                    rate=rate,
                    warm_up_seconds=warm_up_seconds,
                    seconds=options.seconds,
                    settle_seconds_max=_SETTLE_SECONDS,
                ),
            )

        calm = load(_CALM_RATE, options.warm_up_seconds)
        steps = []
        for rate in options.rates:
            steps.append(load(rate, 0.0))
            on_step(steps[-1])
        recovered = load(_CALM_RATE, 5.0)
        driver.finish()
    return OverloadResult(
        calm=calm,
        steps=steps,
        recovered=recovered,
        jitter_before=before,
        jitter_after=lost_share(),
    )

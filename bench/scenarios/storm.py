"""What those who are connected notice of a storm of handshakes: load without and with it."""

from dataclasses import dataclass

from msgspec import Struct

from bench.commands import Connected, ConnectPairs, Storm, Stormed
from bench.jitter import lost_share
from bench.scenarios.traffic import Stretch, Traffic, drive
from bench.world import World
from infra.lag import LagReader

_CONNECT_SECONDS = 90.0
_MARGIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much load, and how heavy a storm."""

    pairs: int = 50
    rate: float = 100.0
    handshakes_a_second: float = 2_000.0
    warm_up_seconds: float = 30.0
    seconds: float = 20.0


class StormResult(Struct, frozen=True, kw_only=True, tag_field="scenario", tag="storm"):
    """What was measured."""

    offered_per_second: float
    calm: Traffic
    stormy: Traffic
    after: Traffic
    storm: Stormed
    jitter_before: float
    jitter_after: float

    @property
    def slower(self) -> float:
        """How many times the slowest hundredth took in the storm; of the calmer time, if two."""
        calm, stormy, after = (
            one.loaded.latencies["delivered"]["p99_ms"]
            for one in (self.calm, self.stormy, self.after)
        )
        return round(stormy / max(min(calm, after), 0.01), 2)


def measure(world: World, options: Options) -> StormResult:
    """Put the same load on three times, the second time in a storm."""
    lags = LagReader(world.kafka())
    before = lost_share()
    with world.driver() as driver, world.driver() as attacker:
        driver.tell(ConnectPairs(options.pairs))
        driver.wait(Connected, _CONNECT_SECONDS)

        def load(warm_up_seconds: float) -> Traffic:
            return drive(
                world,
                driver,
                lags,
                Stretch(
                    rate=options.rate,
                    warm_up_seconds=warm_up_seconds,
                    seconds=options.seconds,
                ),
            )

        calm = load(options.warm_up_seconds)
        # It begins before what is measured, and goes on beyond it.
        attacker.tell(Storm(options.handshakes_a_second, options.seconds + 6.0))
        stormy = load(3.0)
        stormed = attacker.wait(Stormed, options.seconds + _MARGIN_SECONDS)
        after = load(3.0)
        driver.finish()
        attacker.finish()
    return StormResult(
        offered_per_second=options.handshakes_a_second,
        calm=calm,
        stormy=stormy,
        after=after,
        storm=stormed,
        jitter_before=before,
        jitter_after=lost_share(),
    )

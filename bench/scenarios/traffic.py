"""One stretch of load on a world, with what each process spent on it."""

from dataclasses import dataclass

from msgspec import Struct

from bench.commands import Load, Loaded, Measuring, Sent
from bench.cost import mark, spent
from bench.driver import Driver
from bench.world import World
from infra.lag import LagReader

FOLLOWERS = ("history", "receipts", "fanout")
"""The groups that must not fall behind."""

BEHIND_SECONDS_MAX = 3.0
"""Of records that a follower may have before it when the load ends: it gathers them for a second,
and commits twice a second."""

BODY_BYTES = 80
READ_AFTER_SECONDS = 0.02

SETTLE_SECONDS_MAX = 10.0
"""For what was sent to arrive, and for followers to store it."""

_MARGIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """How much, and for how long."""

    rate: float
    warm_up_seconds: float
    seconds: float
    settle_seconds_max: float = SETTLE_SECONDS_MAX


class Traffic(Struct, frozen=True, kw_only=True):
    """What came of a stretch of load."""

    offered_per_second: float
    loaded: Loaded
    throughput_per_second: float
    """Messages a second that were sent in the measured time."""
    cpu_microseconds_a_message: dict[str, float]
    others_cores: float
    resident_mib: dict[str, float]
    lag_at_end: dict[str, int]
    caught_up_after_seconds: float | None
    """How long after the last message was settled no group was behind; None: too long."""

    @property
    def is_sustained(self) -> bool:
        """Whether nothing was lost and nothing fell behind, also not while there was load."""
        behind_max = BEHIND_SECONDS_MAX * self.offered_per_second
        return (
            self.loaded.is_whole
            and self.caught_up_after_seconds is not None
            and all(lag <= behind_max for lag in self.lag_at_end.values())
        )


def drive(world: World, driver: Driver, lags: LagReader, stretch: Stretch) -> Traffic:
    """Put one stretch of load on the world. Raises UserError when the load program fails."""
    pids = {**world.pids(), "load": driver.pid}
    driver.tell(
        Load(
            rate=stretch.rate,
            warm_up_seconds=stretch.warm_up_seconds,
            seconds=stretch.seconds,
            body_bytes=BODY_BYTES,
            read_after_seconds=READ_AFTER_SECONDS,
            settle_seconds_max=stretch.settle_seconds_max,
        )
    )
    driver.wait(Measuring, stretch.warm_up_seconds + _MARGIN_SECONDS)
    begin = mark(pids)
    sent = driver.wait(Sent, stretch.seconds + _MARGIN_SECONDS)
    cost = spent(begin, mark(pids))
    lag_at_end = lags.lags(FOLLOWERS)
    loaded = driver.wait(Loaded, stretch.settle_seconds_max + _MARGIN_SECONDS)
    caught_up = lags.seconds_until_caught_up(FOLLOWERS, timeout_seconds=stretch.settle_seconds_max)
    return Traffic(
        offered_per_second=stretch.rate,
        loaded=loaded,
        throughput_per_second=round(sent.measured_messages / cost.seconds, 1),
        cpu_microseconds_a_message=cost.microseconds_a_message(sent.measured_messages),
        others_cores=cost.others_cores,
        resident_mib={
            name: round((status.resident_bytes or 0) / 2**20, 1)
            for name, status in world.statuses().items()
        },
        lag_at_end=lag_at_end,
        caught_up_after_seconds=caught_up,
    )

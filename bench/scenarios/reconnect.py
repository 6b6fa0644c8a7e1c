"""How long it takes until everybody is back when all sockets were cut at once, and what is lost.

Everybody comes back within a second or when told, catches up, and writes a message while others are
still on their way: each message must reach the other device, live or with what it missed.
"""

from dataclasses import dataclass

from msgspec import Struct

from bench.commands import (
    Connected,
    ConnectPairs,
    Load,
    Loaded,
    Measuring,
    Reconnect,
    Reconnected,
    Sent,
)
from bench.jitter import lost_share
from bench.world import World

_CONNECT_SECONDS = 180.0
_WARM_UP = Load(
    rate=300.0,
    warm_up_seconds=0.0,
    seconds=20.0,
    body_bytes=80,
    read_after_seconds=0.02,
    settle_seconds_max=20.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How many."""

    devices: int = 2_000
    seconds_max: float = 120.0


class ReconnectResult(Struct, frozen=True, kw_only=True, tag_field="scenario", tag="reconnect"):
    """What was measured."""

    back: Reconnected
    jitter_before: float
    jitter_after: float

    @property
    def broken(self) -> int:
        """Messages lost, doubled, reordered, or refused for good; devices not back in time."""
        back = self.back
        return back.broken + sum(back.problems.values()) + back.devices - int(back.live["count"])


def measure(world: World, options: Options) -> ReconnectResult:
    """Cut everybody off and wait until all are back."""
    before = lost_share()
    with world.driver() as driver:
        driver.tell(ConnectPairs(options.devices // 2, returning=True))
        driver.wait(Connected, _CONNECT_SECONDS)
        driver.tell(_WARM_UP)
        for answer in (Measuring, Sent, Loaded):
            driver.wait(answer, _WARM_UP.seconds + _WARM_UP.settle_seconds_max + 10.0)
        driver.tell(Reconnect(options.seconds_max))
        back = driver.wait(Reconnected, options.seconds_max + 30.0)
        driver.finish()
    return ReconnectResult(back=back, jitter_before=before, jitter_after=lost_share())

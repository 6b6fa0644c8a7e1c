"""Clocks that step, and time in which nothing happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processors.admission.decider import AHEAD_MS
from tests.simulation.faults.registry import fault

if TYPE_CHECKING:
    from tests.simulation.world import World

_HOUR_MS = 3_600_000


@fault
def broker_clock_steps(world: World) -> None:
    """The broker's clock is set forward or back."""
    world.broker_shift_ms = world.random.randint(-AHEAD_MS, AHEAD_MS)


@fault
def broker_clock_runs_ahead_once(world: World) -> None:
    """One record gets a time that is far ahead; the next ones get the right time again."""
    world.broker_leap_ms = world.random.choice((_HOUR_MS, 24 * _HOUR_MS))


@fault
def device_clocks_are_wrong(world: World) -> None:
    """From now on devices that connect take the time for another than it is."""
    minutes = world.random.choice((-60, -8, 8, 22))
    world.devices_shift_ms = minutes * 60_000


@fault
def long_pause(world: World) -> None:
    """Nobody does anything for minutes, perhaps for longer than ids are remembered."""
    if not world.parts.machine.calls:  # somebody who waits would have given up
        world.parts.loop.now += world.random.choice((3, 8, 16)) * 60.0

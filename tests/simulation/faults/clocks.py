"""Clocks that step, and time in which nothing happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from processors.admission.decider import STALE_MS
from processors.admission.state import REMEMBERED_MS
from tests.simulation.faults.registry import fault

if TYPE_CHECKING:
    from tests.simulation.world import World

_CLOCK_SHIFT_MS_MAX = REMEMBERED_MS - STALE_MS
"""Clocks of gateways and brokers agree within this: docs/invariants.md, I3."""


@fault
def broker_clock_steps(world: World) -> None:
    """The broker's clock is set forward or back."""
    world.broker_shift_ms = world.random.randint(-_CLOCK_SHIFT_MS_MAX, _CLOCK_SHIFT_MS_MAX)


@fault
def long_pause(world: World) -> None:
    """Nobody does anything for minutes, perhaps for longer than ids are remembered."""
    if not world.parts.machine.calls:  # somebody who waits would have given up
        world.parts.loop.now += world.random.choice((3, 8, 16)) * 60.0

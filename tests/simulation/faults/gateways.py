"""Gateways that die and stand still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.faults.registry import fault

if TYPE_CHECKING:
    from tests.simulation.world import World


@fault
def gateway_killed(world: World) -> None:
    """SIGKILL, and the same gateway under a new epoch."""
    gateway = world.random.choice(world.gateways)
    gateway.kill()
    world.start_gateway(gateway.id)


@fault
def gateway_stopped(world: World) -> None:
    """SIGSTOP for a while."""
    world.random.choice(world.gateways).process.stopped = True

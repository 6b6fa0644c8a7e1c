"""The simulated device keeps the pauses that the core of the client asks for."""

from collections.abc import Iterator
from contextlib import contextmanager

from client import frames
from client.effects import Entry
from tests.simulation.device import Device
from tests.simulation.world import World, quiet_world

WELCOME = frames.Welcome("1", "ann", "phone", 30.0, 0, {})


@contextmanager
def refused_message(retry_after_seconds: float) -> Iterator[tuple[World, Device, Entry]]:
    """A device, and a message of its that a gateway did not take."""
    with quiet_world(0) as world:
        device = world.devices[1]
        device.apply(device.state.connected(WELCOME, world.now_ms()))
        device.write(1, "bob", world.now_ms())
        (entry,) = device.state.outbox.entries.values()
        error = frames.Error("unavailable", "not taken", entry.id, retry_after_seconds)
        device.apply(device.state.receive(error, world.now_ms()))
        assert not entry.in_flight
        yield world, device, entry


def test_what_was_not_taken_is_sent_again_only_when_the_server_said() -> None:
    with refused_message(retry_after_seconds=2.0) as (world, device, entry):
        for early in (True, False):
            device.wake(world.now_ms(), early=early)
        assert not entry.in_flight
        world.parts.loop.now += 2.0
        device.wake(world.now_ms(), early=True)
        assert entry.in_flight


def test_a_pause_lasts_longer_than_the_server_said_unless_the_jitter_is_the_least() -> None:
    with refused_message(retry_after_seconds=2.0) as (world, device, entry):
        world.parts.loop.now += 2.0
        device.wake(world.now_ms())
        assert not entry.in_flight
        world.parts.loop.now += 10.0
        device.wake(world.now_ms())
        assert entry.in_flight

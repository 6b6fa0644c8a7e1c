"""Redis is started anew from a file that is some moments old: nobody misses what came since."""

import pytest

from infra import redis
from tests.simulation import checks
from tests.simulation.device import Device
from tests.simulation.world import World, quiet_world


def cut(world: World, device: Device) -> None:
    if device.link is not None:
        device.link.gateway.cut(device.link.socket)
        device.disconnect()
    world.parts.loop.settle()


def story(patch: pytest.MonkeyPatch | None = None) -> list[str]:
    """Bob is away while Ann writes; Redis goes back to before that, and Bob comes: the holes."""
    if patch is not None:
        patch.setattr(redis, "beginning", lambda run: [])
        patch.setattr(redis, "naming", lambda run: redis._pack("GET", "nothing"))
    with quiet_world(3, False) as world:
        world.faults = []
        world.start()
        world.rest()
        ann, bob = world.devices[0], world.devices[2]
        world.write(ann, "bob")
        world.rest()
        for device in world.devices:  # who waits for no ticks asks for nothing that would tell
            device.read(world.now_ms())
        world.rest()
        world.parts.redis.save()
        everybody = world.devices
        cut(world, bob)
        world.devices = [device for device in everybody if device is not bob]
        world.write(ann, "bob")
        world.rest()
        world.parts.redis.go_back()
        world.rest()
        world.devices = everybody
        world.rest()
        found = checks.violations(world)
        return [one for one in found if one.startswith("holes")]


def test_nothing_that_was_held_in_another_run_is_believed() -> None:
    assert story() == []


def test_the_story_shows_it_when_it_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert story(monkeypatch)

"""Tokens that end, are renewed, or are not to be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.faults.registry import fault
from tests.simulation.tokens import BAD, LONG_SECONDS, Token

if TYPE_CHECKING:
    from tests.simulation.world import World


_SHORT_SECONDS = 5


@fault
def tokens_end_soon(world: World) -> None:
    """From now on tokens are good for seconds, or minutes."""
    world.token_seconds = world.random.choice((5, 20, 200))


@fault
def token_is_renewed(world: World) -> None:
    """A device sends a fresh token before, or after, the old one has ended; or it comes with one
    that ends in seconds, and sends one that is good for long."""
    device = world.random.choice(world.devices)
    if world.random.random() < 0.5:
        if device.link is not None:
            device.link.gateway.cut(device.link.socket)
            device.disconnect()
        world.connect(device, _SHORT_SECONDS)
        device.tell("token", world.token(device, LONG_SECONDS))
    elif device.online:
        device.tell("token", world.token(device))


@fault
def token_is_bad(world: World) -> None:
    """A device comes with a token that nobody may believe, or sends one in its session."""
    device = world.random.choice(world.devices)
    now = world.parts.wall_time()
    names = (device.user_id, device.device_id)
    if device.link is None:
        ready = [one for one in world.gateways if one.ready and not one.process.stopped]
        if ready:
            token = Token(world.random.choice(BAD)(*names, now), 0.0)
            device.connect(world.random.choice(ready), token, by_hello=world.random.random() < 0.5)
            world.judge(device, token)
    elif device.online:
        other = world.random.choice([one for one in world.devices if one is not device])
        texts = [make(*names, now) for make in BAD] + [world.token(other).text]
        device.tell("token", Token(world.random.choice(texts), 0.0))

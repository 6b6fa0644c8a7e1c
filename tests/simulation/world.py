"""One run: a world of workers, gateways and devices, and a scheduler that draws what happens next.

In: a seed. It decides which faults may happen in this run (swarm testing: a few of them at a time
find more than all together), how long it is, and every choice: which waiting call happens, who
looks at the log, which frame arrives, who writes, what breaks. Then everything is healed, and must
come to rest; `checks` says what does not hold. The same seed gives the same run where hashing of
strings does too (PYTHONHASHSEED).
"""

import asyncio
import random as global_random
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from edge.markers import TOLD_SECONDS
from tests.simulation.chances import ORDINARY, draw_steps
from tests.simulation.faults import FAULTS
from tests.simulation.inhabitants import DEVICES, USERS
from tests.simulation.ordinary import Ordinary
from tests.simulation.processes import GATEWAYS
from tests.simulation.rest import come_to_rest, go_on
from tests.simulation.rules import in_force
from tests.simulation.tokens import LONG_SECONDS

__all__ = ["DEVICES", "GATEWAYS", "ORDINARY", "USERS", "World", "inside", "quiet_world", "run"]

_ROUNDS_BEFORE = (0, 4, 6, 8)


class World(Ordinary):
    """One run: who lives in it, what happens next, and how all comes to rest."""

    def step(self) -> None:
        """One thing happens."""
        self.do(self.random.choices(list(self._weights), list(self._weights.values()))[0])

    def do(self, name: str) -> None:
        """Let this happen, if it can."""
        if name in FAULTS:
            self.story.append(name)
            FAULTS[name](self)
        else:
            getattr(self, f"_{name}")()
        self.parts.loop.settle()
        self.measure()

    def begin(self) -> None:
        """Mostly all has started, and devices are connected, before anything goes wrong."""
        for _ in range(self.random.choice(_ROUNDS_BEFORE)):
            go_on(self)

    def begin_quietly(self) -> None:
        """Everybody has heard from Ann, has read it, and is away."""
        for to in USERS[1:]:
            self.write(self.devices[0], to)
        self.rest()
        for device in self.devices:
            device.read(self.now_ms())
        self.rest()
        for device in self.devices:
            if device.link is not None:
                device.link.gateway.cut(device.link.socket)
                device.disconnect()
        self.parts.loop.settle()

    def heal(self) -> None:
        """Everything works again, and comes to rest; then everybody looks at the inbox.

        Where submissions were lost, the first look shows a device which of its watermarks went with
        them, and it tells them again; what holds then is seen at the second. Before it, gateways
        forget that the log had them.
        """
        self.story.append("heal")
        self.rest()
        until = self.parts.loop.now + (TOLD_SECONDS if self.lost else 0)
        while self.parts.loop.now < until:  # everybody is awake meanwhile, and renews tokens
            self.rest()
        for _ in range(2 if self.lost else 1):
            for device in self.devices:
                device.look_at_the_end()
            self.rest()

    def rest(self) -> None:
        """Everything works, and everything comes to rest."""
        self.fail_chance = self.hang_chance = self.parts.trouble_chance = 0.0
        self.token_seconds = LONG_SECONDS
        self.devices_shift_ms = 0
        for device in self.devices:
            if device.shift_ms:
                device.disconnect()
                device.shift_ms = 0
        come_to_rest(self)


@contextmanager
def inside(world: World) -> Iterator[None]:
    """Where the loop of the world is the running one, its rules are in force, and all is silent."""
    loop, logging = asyncio._get_running_loop(), structlog.get_config()
    asyncio._set_running_loop(world.parts.loop)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        with in_force(world.seed):
            yield
    finally:
        asyncio._set_running_loop(loop)
        structlog.configure(**logging)


@contextmanager
def quiet_world(seed: int, quiet: bool | None = None) -> Iterator[World]:
    """A world whose loop is the running one, and whose processes log nothing."""
    state = global_random.getstate()
    global_random.seed(seed)
    world = World(seed, quiet)
    try:
        with inside(world):
            yield world
    finally:
        global_random.setstate(state)


def run(seed: int, steps: int | None = None, *, quiet: bool | None = None) -> World:
    """One run from a seed, or only its first steps; healed in either case."""
    with quiet_world(seed, quiet) as world:
        world.start()
        if world.quiet:
            world.begin_quietly()
        else:
            world.begin()
        drawn = draw_steps(world.random)
        world.steps = drawn if steps is None else min(steps, drawn)
        for _ in range(world.steps):
            world.step()
        world.heal()
        return world

"""Loads that last half a second, and waiting for what a load program answers.

What must settle has a minute for it, and is not waited for longer than it takes; `lost` is for what
never will.
"""

import asyncio
from typing import TypeVar

import msgspec

from bench.commands import Answer, Flow, Load
from bench.driver import Driver

LOAD = Load(
    rate=400,
    warm_up_seconds=0.2,
    seconds=0.5,
    body_bytes=80,
    read_after_seconds=0.01,
    settle_seconds_max=60.0,
)
FLOW = Flow(
    in_flight=3,
    warm_up_seconds=0.2,
    seconds=0.5,
    body_bytes=80,
    read_after_seconds=0.01,
    settle_seconds_max=60.0,
)


_Some = TypeVar("_Some", Load, Flow)


def lost(load: _Some) -> _Some:
    """The same for a gateway that loses something: waiting for it ends soon."""
    return msgspec.structs.replace(load, settle_seconds_max=2.0)


async def wait(driver: Driver, wanted: type[Answer]) -> Answer:
    """The next answer, which is to be of this kind."""
    return await asyncio.to_thread(driver.wait, wanted, 120.0)

"""Loads that last half a second, and waiting for what a load program answers."""

import asyncio

from bench.commands import Answer, Flow, Load
from bench.driver import Driver

LOAD = Load(
    rate=400,
    warm_up_seconds=0.2,
    seconds=0.5,
    body_bytes=80,
    read_after_seconds=0.01,
    settle_seconds_max=0.5,
)
FLOW = Flow(
    in_flight=3,
    warm_up_seconds=0.2,
    seconds=0.5,
    body_bytes=80,
    read_after_seconds=0.01,
    settle_seconds_max=0.5,
)


async def wait(driver: Driver, wanted: type[Answer]) -> Answer:
    """The next answer, which is to be of this kind."""
    return await asyncio.to_thread(driver.wait, wanted, 20.0)

"""Workers that die, stand still, come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from chaos.faults.base import EITHER, fault
from chaos.lab import BACKS, FRONTS, Lab, worker
from infra.stack import services

_SERVED_SECONDS = 8.0
_STORM = 3


@fault("F11", hold_seconds=9.0, brokers=EITHER, bar_seconds=_SERVED_SECONDS, always=True)
async def worker_killed(lab: Lab) -> AsyncIterator[None]:
    """SIGKILL to a worker that people wait for; the other takes over its partitions."""
    name = lab.random.choice(FRONTS)
    await lab.kill(name)
    yield
    await lab.start(name)


@fault("F11", hold_seconds=9.0, bar_seconds=0.0)
async def back_worker_killed(lab: Lab) -> AsyncIterator[None]:
    """SIGKILL to a worker that writes rows; nobody who chats waits for it."""
    name = lab.random.choice(BACKS)
    await lab.kill(name)
    yield
    await lab.start(name)


@fault("F12", hold_seconds=10.0, bar_seconds=_SERVED_SECONDS)
async def worker_paused(lab: Lab) -> AsyncIterator[None]:
    """SIGSTOP to a worker until another owns its partitions; it wakes and thinks it still does."""
    name = lab.random.choice(FRONTS)
    await lab.pause(name)
    yield
    await lab.resume(name)


@fault("F13", hold_seconds=0.0, weight_seconds=30.0)
async def rolling_restart(lab: Lab) -> AsyncIterator[None]:
    """Every worker is restarted in turn, as a new release is."""
    for name in (*FRONTS, *BACKS):
        await lab.stop(name)
        await lab.start(name)
    yield


@fault("F13", hold_seconds=0.0, weight_seconds=50.0)
async def workers_come_and_go(lab: Lab) -> AsyncIterator[None]:
    """One, three, one workers of a kind, again and again, so that partitions move all the time."""
    third = worker(lab.stack, "front-3", services.FRONT)
    for _ in range(_STORM):
        await asyncio.gather(lab.start(FRONTS[1]), asyncio.to_thread(lab.stack.run, third))
        await asyncio.gather(lab.stop(FRONTS[1]), lab.remove(third))
    yield
    await lab.start(FRONTS[1])

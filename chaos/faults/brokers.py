"""Brokers that die or can write no more, one alone and as members of a cluster of three."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from chaos.faults.base import EITHER, ONE, THREE, Since, fault
from chaos.lab import Lab
from events.topics import SUBMISSIONS
from infra.stack.leaders import in_sync, leader_of

_BACK_SECONDS = 10.0
_ELECTED_SECONDS = 12.0
_IN_SYNC_SECONDS = 60.0
_BOUNCES = 5
_DOWN_SECONDS = 2.0


async def _leader(lab: Lab) -> str:
    """The broker that leads a partition of the submissions, of every kind the busiest."""
    partition = lab.random.randrange(SUBMISSIONS.partitions)
    kafka = lab.known.kafka
    name = await asyncio.to_thread(leader_of, kafka, SUBMISSIONS.name, partition)
    lab.say(f"{name} leads {SUBMISSIONS.name}/{partition}")
    return name


async def _until_in_sync(lab: Lab) -> None:
    """Wait until every replica of the submissions has caught up."""
    async with asyncio.timeout(_IN_SYNC_SECONDS):
        while True:
            found = await asyncio.to_thread(in_sync, lab.known.kafka, SUBMISSIONS.name)
            if found and min(found.values()) == lab.known.kafka.replication_factor:
                return
            await asyncio.sleep(0.5)


@fault("F18", hold_seconds=2.0, brokers=ONE, bar_seconds=_BACK_SECONDS, since=Since.HEAL,
       always=True)  # fmt: skip
async def broker_killed(lab: Lab) -> AsyncIterator[None]:
    """SIGKILL to the only broker; nothing is accepted until it is back, then all that waited."""
    await lab.kill("kafka")
    yield
    await lab.start("kafka")


@fault("F18", hold_seconds=8.0, brokers=THREE, bar_seconds=_ELECTED_SECONDS, always=True)
async def leader_killed(lab: Lab) -> AsyncIterator[None]:
    """SIGKILL to the broker that leads, of three; others lead, and sends go on being accepted."""
    name = await _leader(lab)
    await lab.kill(name)
    yield
    await lab.start(name)
    await _until_in_sync(lab)


@fault("F18", hold_seconds=0.0, brokers=THREE, weight_seconds=75.0)
async def leader_chased(lab: Lab) -> AsyncIterator[None]:
    """Five times in a row the broker that leads just then is killed and started again."""
    for _ in range(_BOUNCES):
        name = await _leader(lab)
        await lab.kill(name)
        await asyncio.sleep(_DOWN_SECONDS)
        await lab.start(name)
        await _until_in_sync(lab)
    yield


@fault("F22", hold_seconds=6.0, brokers=THREE)
async def too_few_brokers(lab: Lab) -> AsyncIterator[None]:
    """Two of three brokers are down: nothing is accepted falsely, and all that waited is after."""
    first = await _leader(lab)
    second = next(name for name in lab.stack.names() if name.startswith("kafka") and name != first)
    await lab.kill(first, second)
    yield
    await lab.start(first, second)
    await _until_in_sync(lab)


@fault("F23", hold_seconds=4.0, brokers=ONE)
async def disk_full(lab: Lab) -> AsyncIterator[None]:
    """The only broker can write no more (every write fails, as on a full disk) and ends."""
    await lab.fill_disk("kafka")
    yield
    await lab.kill_if_alive("kafka")
    await lab.start("kafka")


@fault("F23", hold_seconds=6.0, brokers=THREE, bar_seconds=_ELECTED_SECONDS)
async def disk_full_at_the_leader(lab: Lab) -> AsyncIterator[None]:
    """The broker that leads, of three, can write no more; the others go on."""
    name = await _leader(lab)
    await lab.fill_disk(name)
    yield
    await lab.kill_if_alive(name)
    await lab.start(name)
    await _until_in_sync(lab)


@fault("F19", hold_seconds=6.0, brokers=EITHER)
async def broker_paused(lab: Lab) -> AsyncIterator[None]:
    """SIGSTOP to the broker that leads, for longer than its session; then it wakes."""
    name = await _leader(lab)
    await lab.pause(name)
    yield
    await lab.resume(name)

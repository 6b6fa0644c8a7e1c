"""Cassandra, Redis and the registry: away, slow, full, or empty."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from redis import Redis

from chaos.faults.base import EITHER, Since, fault
from chaos.lab import BACKS, Lab
from infra.settings import load
from replay.rebuild import RebuildSettings, rebuild

_ROUTED_SECONDS = 10.0
_REDIS_LITTLE = "1mb"


@fault("F28", hold_seconds=3.0, bar_seconds=0.0, always=True)
async def cassandra_killed(lab: Lab) -> AsyncIterator[None]:
    """SIGKILL to Cassandra; nobody who chats notices, and history catches up."""
    await lab.kill("cassandra")
    yield
    await lab.start("cassandra")


@fault("F28", hold_seconds=30.0, bar_seconds=0.0, weight_seconds=50.0)
async def cassandra_down_for_long(lab: Lab) -> AsyncIterator[None]:
    """Cassandra is away for 30 s: sends go on being accepted, history catches up by itself."""
    await lab.kill("cassandra")
    yield
    await lab.start("cassandra")


@fault("F29", hold_seconds=30.0, bar_seconds=0.0)
async def cassandra_paused(lab: Lab) -> AsyncIterator[None]:
    """SIGSTOP to Cassandra for 30 s: whether a write succeeded is unknown, so it is done again."""
    await lab.pause("cassandra")
    yield
    await lab.resume("cassandra")


@fault("F30", hold_seconds=5.0, bar_seconds=0.0, weight_seconds=25.0)
async def cassandra_disk_full(lab: Lab) -> AsyncIterator[None]:
    """Cassandra can write no more, for some seconds; then it is started anew."""
    await lab.fill_disk("cassandra")
    yield
    await lab.kill_if_alive("cassandra")
    await lab.start("cassandra")


@fault("F30", hold_seconds=0.0, bar_seconds=0.0, weight_seconds=30.0)
async def cassandra_wiped(lab: Lab) -> AsyncIterator[None]:
    """The keyspace is dropped; every row is rebuilt from the log."""
    for name in BACKS:
        await lab.stop(name)
    lab.say("the keyspace is dropped, and its groups read the log from its start")
    await asyncio.to_thread(rebuild, load(RebuildSettings, lab.stack.environment()), sure=True)
    yield
    await lab.start(*BACKS)


@fault("F33", hold_seconds=2.0, brokers=EITHER, bar_seconds=_ROUTED_SECONDS)
async def redis_killed(lab: Lab) -> AsyncIterator[None]:
    """SIGKILL to Redis, which comes back empty."""
    await lab.kill("redis")
    yield
    await lab.start("redis")


@fault("F33", hold_seconds=1.0, bar_seconds=_ROUTED_SECONDS, always=True)
async def redis_emptied(lab: Lab) -> AsyncIterator[None]:
    """FLUSHALL: who is where is announced anew, and no message is lost."""
    await asyncio.to_thread(_redis, lab, "FLUSHALL")
    yield


@fault("F33", hold_seconds=6.0, bar_seconds=_ROUTED_SECONDS, since=Since.HEAL)
async def redis_paused(lab: Lab) -> AsyncIterator[None]:
    """SIGSTOP to Redis."""
    await lab.pause("redis")
    yield
    await lab.resume("redis")


@fault("F33", hold_seconds=4.0, bar_seconds=_ROUTED_SECONDS, since=Since.HEAL)
async def redis_full(lab: Lab) -> AsyncIterator[None]:
    """The memory of Redis is full: every write is refused."""
    before = await asyncio.to_thread(_redis, lab, "CONFIG", "GET", "maxmemory")
    await asyncio.to_thread(_redis, lab, "CONFIG", "SET", "maxmemory", _REDIS_LITTLE)
    yield
    await asyncio.to_thread(_redis, lab, "CONFIG", "SET", "maxmemory", _value_of(before))


@fault("F34", hold_seconds=0.0, bar_seconds=0.0, weight_seconds=25.0)
async def registry_away(lab: Lab) -> AsyncIterator[None]:
    """The registry is away, also while a worker starts: nothing needs it but a deployment."""
    await lab.kill("registry")
    await lab.stop(BACKS[0])
    await lab.start(BACKS[0])
    yield
    await lab.start("registry")


def _redis(lab: Lab, *command: str) -> object:
    lab.say(f"redis: {' '.join(command)}")
    with Redis.from_url(lab.known.redis.url, socket_timeout=5) as redis:
        return redis.execute_command(*command)


def _value_of(answer: object) -> str:
    """The value in the answer to CONFIG GET, whichever protocol was spoken."""
    values = list(answer.values()) if isinstance(answer, dict) else list(answer)[1:]  # type: ignore[call-overload]
    value = values[0]
    return value.decode() if isinstance(value, bytes) else str(value)

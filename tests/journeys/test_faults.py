"""Each process is killed in turn under 200 messages a second: nothing lost, doubled, reordered.

SIGKILL in the middle of the traffic, a start two seconds later, and at the end every client's
view, the facts and the timeline are compared.
"""

import asyncio
from collections.abc import Coroutine

import pytest
from redis import Redis

from infra.stack.stack import Stack
from tests.journeys.conftest import GATEWAYS, WORKERS
from tests.journeys.traffic import Rows, Traffic

RATE_PER_SECOND = 200.0
BEFORE_SECONDS = 2.0
AWAY_SECONDS = 2.0
AFTER_SECONDS = 3.0
SETTLE_SECONDS = 60.0


async def under_traffic(traffic: Traffic, rows: Rows, fault: Coroutine[None, None, None]) -> None:
    """Traffic before, during and after a fault."""
    stop = asyncio.Event()
    sending = asyncio.create_task(traffic.send(RATE_PER_SECOND, stop))
    await asyncio.sleep(BEFORE_SECONDS)
    await fault
    await asyncio.sleep(AFTER_SECONDS)
    stop.set()
    await sending
    await traffic.settle(SETTLE_SECONDS)
    await traffic.until_written(rows, SETTLE_SECONDS)


@pytest.mark.parametrize("part", [*GATEWAYS[:1], *WORKERS, "kafka", "cassandra", "redis"])
@pytest.mark.timeout(180)
async def test_a_killed_process_loses_nothing(
    system: Stack, traffic: Traffic, rows: Rows, part: str
) -> None:
    async def kill_and_start() -> None:
        await asyncio.to_thread(system.kill, part)
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(system.start_part, part)

    await under_traffic(traffic, rows, kill_and_start())

    assert len(traffic.all_sent()) > RATE_PER_SECOND * (BEFORE_SECONDS + AFTER_SECONDS) / 2
    assert await asyncio.to_thread(traffic.wrong, rows) == []


@pytest.mark.timeout(180)
async def test_a_redis_that_forgets_everything_costs_time_only(
    system: Stack, traffic: Traffic, rows: Rows
) -> None:
    async def flush() -> None:
        redis = Redis.from_url(system.environment()["CHAT_REDIS_URL"])
        await asyncio.to_thread(redis.flushall)
        redis.close()

    await under_traffic(traffic, rows, flush())

    assert await asyncio.to_thread(traffic.wrong, rows) == []

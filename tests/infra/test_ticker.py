"""The ticker on a real loop: who is looked at, how often, and when no more."""

import asyncio
import time

from infra.ticker import BUSY_SECONDS, IDLE_SECONDS, LATE_SECONDS_MAX, Ticker


class Client:
    """Counts how often it is looked at; busy as long as a test says so."""

    def __init__(self, *, busy: bool = False, work_seconds: float = 0.0) -> None:
        self.busy = busy
        self.looks = 0
        self._work_seconds = work_seconds

    def look(self) -> bool:
        self.looks += 1
        time.sleep(self._work_seconds)
        return self.busy


async def looks_within(client: Client, seconds: float) -> int:
    before = client.looks
    await asyncio.sleep(seconds)
    return client.looks - before


async def test_one_that_is_busy_makes_it_look_often_at_all() -> None:
    ticker = Ticker(asyncio.get_running_loop())
    busy, other = Client(busy=True), Client()
    ticker.add(busy.look)
    ticker.add(other.look)
    looks = await looks_within(other, 1.5)
    assert 0.3 / IDLE_SECONDS < looks <= 1.5 / BUSY_SECONDS
    ticker.remove(busy.look)
    ticker.remove(other.look)


async def test_it_looks_less_often_when_nobody_is_busy_and_wakes_at_once() -> None:
    ticker = Ticker(asyncio.get_running_loop())
    client = Client()
    ticker.add(client.look)
    await asyncio.sleep(1.2)
    idle = await looks_within(client, 0.5)
    assert 0 < idle <= 0.5 / IDLE_SECONDS + 1
    ticker.wake()
    assert await looks_within(client, 0.5) > idle
    ticker.remove(client.look)


async def test_it_looks_less_often_when_its_ticks_come_late() -> None:
    loop = asyncio.get_running_loop()
    ticker = Ticker(loop)
    client = Client(busy=True)
    ticker.add(client.look)
    free = await looks_within(client, 0.5)

    async def crowd() -> None:
        while True:
            time.sleep(0.01)  # noqa: ASYNC251 - it is to hold up the loop
            await asyncio.sleep(0)

    crowding = asyncio.create_task(crowd())
    crowded = await looks_within(client, 1.0) / 2
    crowding.cancel()
    assert 0.5 / (BUSY_SECONDS + 3 * LATE_SECONDS_MAX) / 2 < crowded < free / 2
    ticker.remove(client.look)


async def test_who_was_removed_is_looked_at_no_more() -> None:
    ticker = Ticker(asyncio.get_running_loop())
    client = Client(busy=True)
    ticker.add(client.look)
    await asyncio.sleep(0.05)
    assert client.looks > 0
    ticker.remove(client.look)
    assert await looks_within(client, 0.05) == 0
    ticker.add(client.look)
    assert await looks_within(client, 0.05) > 0
    ticker.remove(client.look)
    ticker.remove(client.look)

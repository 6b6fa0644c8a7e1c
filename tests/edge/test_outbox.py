"""What waits for slow clients: bounded for each of them, and for all of them together."""

import asyncio
from typing import Any

from edge.outbox import Budget, Outbox
from tests.fuzz.wire import Client
from tests.simulation.gateway import Wire

FRAME = bytes(100_000)


def slow(budget: Budget, closed: list[Outbox]) -> tuple[Outbox, Wire]:
    """An outbox whose client does not read; it is abandoned when it is to be closed."""
    wire = Wire()
    wire.stop_reading()
    line: Any = wire
    outbox = Outbox(line, line, line, frames_max=1_000, bytes_max=1 << 30, budget=budget)

    def too_slow() -> None:
        closed.append(outbox)
        outbox.abandon(b"")

    outbox.too_slow = too_slow
    return outbox, wire


async def test_when_the_common_budget_is_spent_those_for_whom_most_waits_are_closed_first() -> None:
    budget, closed = Budget(10 * len(FRAME)), list[Outbox]()
    (one, _), (other, _), (third, _) = (slow(budget, closed) for _ in range(3))
    for outbox, frames in ((one, 2), (other, 5), (third, 3)):
        for _ in range(frames):
            assert outbox.put(FRAME)
        outbox.flush()
    assert (budget.bytes, closed) == (10 * len(FRAME), [])
    assert one.put(FRAME)
    assert (budget.bytes, closed) == (6 * len(FRAME), [other])
    for _ in range(5):
        assert third.put(FRAME)
    assert closed == [other, third]
    assert budget.bytes == 3 * len(FRAME)


async def test_what_was_written_and_read_counts_no_more() -> None:
    budget, closed = Budget(10 * len(FRAME)), list[Outbox]()
    outbox, wire = slow(budget, closed)
    wire.write = lambda data: None  # type: ignore[method-assign]
    for _ in range(5):
        outbox.put(FRAME)
    outbox.flush()
    await asyncio.sleep(0)
    assert budget.bytes == 5 * len(FRAME)
    wire.read_on()
    for _ in range(100):  # passes of the loop
        await asyncio.sleep(0)
    assert (budget.bytes, closed) == (0, [])


async def test_clients_that_read_are_not_counted() -> None:
    budget = Budget(len(FRAME))
    outbox, wire = slow(budget, [])
    wire.write = lambda data: None  # type: ignore[method-assign]
    wire.read_on()
    for _ in range(50):
        outbox.put(FRAME)
        outbox.flush()
    assert budget.bytes == 0


async def test_the_end_comes_behind_what_waits_also_for_a_slow_client() -> None:
    outbox, wire = slow(Budget(10 * len(FRAME)), [])
    written: list[int] = []
    wire.write = lambda data: written.append(len(data))  # type: ignore[method-assign]
    outbox.put(FRAME)
    outbox.put(FRAME)
    outbox.end()
    outbox.flush()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not wire.is_at_end
    wire.read_on()
    for _ in range(100):
        await asyncio.sleep(0)
    assert (sum(written), wire.is_at_end) == (2 * len(FRAME), True)


async def test_the_end_comes_with_the_flush() -> None:
    outbox, wire = slow(Budget(len(FRAME)), [])
    wire.write = lambda data: None  # type: ignore[method-assign]
    wire.read_on()
    outbox.put(FRAME)
    outbox.end()
    assert not wire.is_at_end
    outbox.flush()
    assert wire.is_at_end


def test_nothing_is_read_of_a_client_that_has_said_goodbye() -> None:
    """It has three seconds to end its side; what it says then would be limited by nothing."""
    goodbye, nothing = b"\x88\x82\0\0\0\0\x03\xe8", b"\x81\x80\0\0\0\0"
    client = Client(known=True)
    client.feed(goodbye + nothing * 10)
    assert client.outcome == "closed-1000"
    assert list(client.socket._reader.feed(nothing)) == []
    client.feed(nothing * 1_000)
    assert client.wire.down == []

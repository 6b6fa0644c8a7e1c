"""What is kept for whoever waits, and that it is let go of."""

import asyncio
import gc

import pytest

from client.effects import Effects, Entry, Wait
from client.messages import MessageAccepted
from client.outgoing import Handles
from client.state import State
from tests.client.devices import device
from tests.client.server import running, soon

CONVERSATION = "d:ann:bob"


def test_handles_that_nobody_holds_are_not_kept() -> None:
    handles = Handles(State())
    for number in range(1_000):
        entry = Entry(number, f"id{number}", "bob", CONVERSATION, "text", "x", None)
        handle = handles.made(entry)
        handles.accepted(MessageAccepted(number, entry.id, CONVERSATION, number + 1, 0))
        del handle
    gc.collect()
    assert len(handles._unread[CONVERSATION]) == 0


async def test_who_does_not_wait_any_more_is_not_kept() -> None:
    handle = Handles(State()).made(Entry(1, "id", "bob", CONVERSATION, "text", "x", None))
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await handle.accepted(0.0)
    assert handle._waiters == []


async def test_pauses_end_with_the_connection_that_they_belong_to() -> None:
    async with running() as server, device(server, "ann") as ann:
        for connections in range(1, 4):
            await soon(lambda n=connections: ann.online and server.connections == n)  # type: ignore[misc]
            ann._engine.apply(Effects(waits=[Wait("fetch", CONVERSATION, 1, 3_600.0)]))
            server.cut(("ann", "phone"))
        await soon(lambda: server.connections == 4 and ann.online)
        await asyncio.sleep(0)
        assert not ann._engine._timers

"""The load program for XMPP as a process, on real sockets, against a scripted server."""

from __future__ import annotations

import asyncio
import os

import msgspec
import pytest

from bench.commands import (
    Connected,
    ConnectGroup,
    ConnectIdle,
    ConnectPairs,
    Finished,
    Loaded,
    Measuring,
    Sent,
)
from bench.driver import Driver
from tests.bench import short
from tests.bench.peers.xmpp_server import ScriptedXmpp

# These read nothing, so there is nothing to wait for before it.
LOAD = msgspec.structs.replace(short.LOAD, read_after_seconds=0.0)
FLOW = msgspec.structs.replace(short.FLOW, in_flight=2, read_after_seconds=0.0)
IN_GROUP = msgspec.structs.replace(FLOW, in_group=True)


async def loaded_by(server: ScriptedXmpp, connect, load, *options: str) -> tuple[Sent, Loaded]:
    async with server.serving() as port:
        with Driver(os.environ, "bench.peers.xmpp", (str(port), *options)) as driver:
            driver.tell(connect)
            await short.wait(driver, Connected)
            driver.tell(load)
            await short.wait(driver, Measuring)
            return await short.wait(driver, Sent), await short.wait(driver, Loaded)


async def test_acks_are_asked_for_and_given():
    server = ScriptedXmpp()
    _, loaded = await loaded_by(server, ConnectPairs(4), LOAD, "acks")
    assert loaded.is_whole
    assert set(loaded.latencies) == {"accepted", "delivered"}
    counts = {stage: found["count"] for stage, found in loaded.latencies.items()}
    assert counts == dict.fromkeys(counts, loaded.measured_messages)
    assert max(server.acks_of_clients) >= loaded.messages // 8 - 1


async def test_without_acks_a_message_counts_by_its_delivery():
    sent, loaded = await loaded_by(ScriptedXmpp(), ConnectPairs(4), FLOW)
    assert loaded.is_whole
    assert set(loaded.latencies) == {"delivered"}
    assert sent.measured_messages == loaded.measured_messages
    assert loaded.messages >= loaded.measured_messages


@pytest.mark.parametrize("fault", ["lose", "double", "reorder", "bounce"])
async def test_each_broken_promise_is_seen(fault):
    load = LOAD if fault == "double" else short.lost(LOAD)
    _, loaded = await loaded_by(ScriptedXmpp(fault=fault), ConnectPairs(4), load)
    assert not loaded.is_whole
    match fault:
        case "lose":
            assert loaded.missing["delivered"] > 5
            assert loaded.gaps > 0
        case "double":
            assert loaded.doubled > 5
        case "reorder":
            assert loaded.reordered > 0
        case "bounce":
            assert loaded.missing["delivered"] > 5
            assert loaded.problems["refused"] > 5


async def test_a_group_message_has_arrived_when_every_member_was_shown_it():
    server = ScriptedXmpp()
    sent, loaded = await loaded_by(server, ConnectGroup(6), IN_GROUP)
    assert loaded.is_whole
    assert sent.measured_messages == loaded.measured_messages
    assert loaded.messages >= loaded.measured_messages
    assert loaded.messages == server.messages


@pytest.mark.parametrize("fault", ["lose", "double", "reorder"])
async def test_one_member_who_misses_something_is_enough(fault):
    server = ScriptedXmpp(fault=fault, nth=3)
    _, loaded = await loaded_by(server, ConnectGroup(6), short.lost(IN_GROUP))
    assert not loaded.is_whole


async def test_idle_clients_are_held_and_those_that_the_server_ends_are_counted():
    server = ScriptedXmpp()
    async with server.serving() as port:
        with Driver(os.environ, "bench.peers.xmpp", (str(port),)) as driver:
            driver.tell(ConnectIdle(30))
            assert (await short.wait(driver, Connected)).sockets == 30
            server.writers["idle-7"].close()
            await asyncio.sleep(2.0)
            assert (await asyncio.to_thread(driver.finish)) == Finished({"lost": 1})

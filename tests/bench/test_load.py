"""The load program as a process, on real sockets, against a scripted gateway."""

from __future__ import annotations

import asyncio
import os

import pytest
from aiohttp.test_utils import TestServer

from bench.commands import (
    Connected,
    ConnectIdle,
    ConnectPairs,
    Finished,
    Loaded,
    Measuring,
    Sent,
)
from bench.driver import Driver
from infra.errors import UserError
from tests.bench.gateway import ScriptedGateway
from tests.bench.short import FLOW, LOAD, lost, wait


def driver_of(server: TestServer, folder) -> Driver:
    return Driver(
        {
            **os.environ,
            "CHAT_GATEWAY_URLS": f"ws://{server.host}:{server.port}/v1/ws",
            "CHAT_TOKEN_JWKS_FILE": str(folder / "jwks.json"),
            "CHAT_TOKEN_SIGNING_KEY_FILE": str(folder / "signing.pem"),
        }
    )


async def loaded_by(gateway: ScriptedGateway, folder, load=LOAD) -> Loaded:
    async with gateway.server() as server:
        with driver_of(server, folder) as driver:
            driver.tell(ConnectPairs(5))
            assert (await wait(driver, Connected)).sockets == 10
            driver.tell(load)
            await wait(driver, Measuring)
            assert 150 < (await wait(driver, Sent)).measured_messages < 250
            return await wait(driver, Loaded)


async def test_a_faithful_gateway_is_found_whole(tmp_path):
    loaded = await loaded_by(ScriptedGateway(), tmp_path)
    assert loaded.is_whole
    assert loaded.messages > loaded.measured_messages
    assert loaded.latencies["accepted"]["count"] == loaded.measured_messages
    read, delivered = (loaded.latencies[s]["p50_ms"] for s in ("read_tick", "delivered_tick"))
    assert read >= delivered
    assert read >= 10, "a message is read ten milliseconds after it came"


@pytest.mark.parametrize("fault", ["lose", "double", "reorder", "refuse"])
async def test_each_broken_promise_is_seen(fault, tmp_path):
    load = lost(LOAD) if fault in ("lose", "reorder") else LOAD
    loaded = await loaded_by(ScriptedGateway(fault=fault), tmp_path, load)
    assert not loaded.is_whole
    match fault:
        case "lose":
            assert loaded.missing["delivered"] > 5
            assert loaded.gaps > 0
        case "double":
            assert loaded.doubled > 5
        case "reorder":
            assert loaded.reordered > 0
        case "refuse":
            assert loaded.problems["unavailable"] > 5
            assert loaded.reordered == loaded.gaps == sum(loaded.missing.values()) == 0


async def flowed_by(gateway: ScriptedGateway, folder, flow=FLOW) -> tuple[Sent, Loaded]:
    async with gateway.server() as server:
        with driver_of(server, folder) as driver:
            driver.tell(ConnectPairs(4))
            await wait(driver, Connected)
            driver.tell(flow)
            await wait(driver, Measuring)
            return await wait(driver, Sent), await wait(driver, Loaded)


async def test_a_closed_loop_sends_a_message_for_each_that_was_delivered(tmp_path):
    sent, loaded = await flowed_by(ScriptedGateway(), tmp_path)
    assert loaded.is_whole
    # How many it is in half a second is a matter of the machine, not so what they have to do with
    # each other: those that were delivered let others be sent, beside those that began.
    assert sent.measured_messages == loaded.measured_messages
    assert loaded.messages >= loaded.measured_messages + 4 * FLOW.in_flight
    assert loaded.latencies["delivered"]["count"] <= loaded.messages


async def test_a_closed_loop_ends_when_all_that_was_under_way_is_lost(tmp_path):
    gateway = ScriptedGateway(fault="lose", nth=1)
    sent, loaded = await flowed_by(gateway, tmp_path, lost(FLOW))
    assert loaded.missing["delivered"] == 4 * FLOW.in_flight
    assert sent.measured_messages == 0


async def test_idle_sockets_are_held_and_those_that_the_gateway_ends_are_counted(tmp_path):
    gateway = ScriptedGateway()
    async with gateway.server() as server:
        with driver_of(server, tmp_path) as driver:
            driver.tell(ConnectIdle(30))
            assert (await wait(driver, Connected)).sockets == 30
            await gateway.sockets["idle-7"].close(code=4002)
            assert (await asyncio.to_thread(driver.finish)) == Finished({"4002": 1})


async def test_a_gateway_that_is_not_there_is_a_sentence(tmp_path):
    async with ScriptedGateway().server() as server:
        driver = driver_of(server, tmp_path)
    with driver:
        driver.tell(ConnectIdle(1))
        with pytest.raises(UserError) as raised:
            await wait(driver, Connected)
    assert raised.value.code == "load_failed"
    assert "ConnectIdle failed" in raised.value.sentence

"""People chat through nginx while the gateways behind it are restarted one after the other."""

import asyncio
import ssl
import urllib.request
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from infra.errors import UserError
from infra.stack.nginx import balanced, find_nginx
from infra.stack.services import FILE_NAME, saved_services
from infra.stack.stack import Stack
from infra.telemetry import EDGE_SOCKETS
from tests.journeys.conftest import GATEWAYS, PAIRS
from tests.journeys.traffic import Rows, Traffic
from tests.live import until

try:
    find_nginx()
except UserError as error:
    pytest.skip(f"{error.sentence} {error.remedy}", allow_module_level=True)


@pytest.fixture
def balanced_system(system: Stack) -> Iterator[Stack]:
    """The system with nginx before its gateways; gone again afterwards."""
    if system.secure:
        pytest.skip("under lock gateways end TLS themselves, and nginx does not speak TLS to them")
    gateways = [one for one in saved_services(system.folder) if one.name in GATEWAYS]
    services = balanced(system.folder, system.ports, gateways)
    system.run(*services)
    yield system
    for service in services:
        system.stop_part(service.name)
        (system.folder / service.name / FILE_NAME).unlink()
    system.write_environment()


@pytest.fixture
async def traffic(balanced_system: Stack) -> AsyncIterator[Traffic]:
    """Ten pairs of people, who know nginx's address only."""
    trust = ssl.create_default_context(cafile=balanced_system.environment()["CHAT_GATEWAY_CA_FILE"])
    connector = aiohttp.TCPConnector(limit=0, ssl=trust)
    async with aiohttp.ClientSession(connector=connector) as http:
        traffic = Traffic(balanced_system, PAIRS, http)
        await traffic.start()
        yield traffic
        await traffic.close()


def sockets(stack: Stack, name: str) -> int:
    """How many sockets a gateway holds, by its own word."""
    url = f"http://127.0.0.1:{stack.ports.port(f'{name}.health')}/metrics"
    with urllib.request.urlopen(url, timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    (line,) = [one for one in lines if one.split("{")[0].split()[0] == EDGE_SOCKETS.exposed]
    return int(float(line.split()[-1]))


def both_are_chosen(stack: Stack) -> bool:
    return "down" not in (stack.folder / "nginx" / "gateways.conf").read_text()


async def test_restarts_of_gateways_lose_double_and_reorder_nothing(
    balanced_system: Stack, traffic: Traffic, rows: Rows
) -> None:
    stack = balanced_system
    assert [url[:6] for url in traffic.urls] == ["wss://"]
    first, second = GATEWAYS
    total = 2 * PAIRS
    assert sockets(stack, first) + sockets(stack, second) == total
    assert sockets(stack, first) > 0 < sockets(stack, second)

    stop = asyncio.Event()
    sending = asyncio.create_task(traffic.send(50, stop))
    for leaving, staying in ((first, second), (second, first)):
        await asyncio.sleep(2)
        await asyncio.to_thread(stack.stop_part, leaving)
        await until(lambda name=staying: sockets(stack, name) == total, what="all at the other")
        await asyncio.to_thread(stack.start_part, leaving)
        await until(lambda: both_are_chosen(stack), what="both in nginx's list")
    assert sockets(stack, first) == total
    await until(lambda: len(traffic.all_sent()) > 200, what="enough messages")
    stop.set()
    await sending
    await traffic.settle(120)
    await traffic.until_written(rows, 120)

    assert await asyncio.to_thread(traffic.wrong, rows) == []

"""The whole system for journeys: the stack, two gateways, and a process for each worker role."""

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest

from events.topics import GROUPS
from infra.stack.services import gateway, worker
from infra.stack.stack import Stack
from tests.journeys.traffic import Rows, Traffic
from tests.live import tls_of

GATEWAYS = ("gateway-1", "gateway-2")
WORKERS = tuple(f"worker-{role}" for role in GROUPS)
PAIRS = 10


@pytest.fixture(scope="package")
def system(stack: Stack) -> Iterator[Stack]:
    """Everything runs; what a journey killed it has started again."""
    limits = {
        "CHAT_EDGE_SEND_RATE_PER_MINUTE": "60000",
        "CHAT_EDGE_SEND_BURST": "100",
        "CHAT_EDGE_DEVICES_MAX": "200",
    }
    services = [
        *(worker(stack.ports, f"worker-{role}", (role,)) for role in GROUPS),
        *(gateway(stack.ports, name, limits) for name in GATEWAYS),
    ]
    stack.run(*services)
    yield stack
    with ThreadPoolExecutor(len(services)) as pool:
        list(pool.map(stack.stop_part, (*GATEWAYS, *WORKERS)))


@pytest.fixture
async def traffic(system: Stack) -> AsyncIterator[Traffic]:
    """Ten pairs of people, connected."""
    connector = aiohttp.TCPConnector(limit=0, ssl=tls_of(system))
    async with aiohttp.ClientSession(connector=connector) as http:
        traffic = Traffic(system, PAIRS, http)
        await traffic.start()
        yield traffic
        await traffic.close()


@pytest.fixture
def rows(system: Stack) -> Iterator[Rows]:
    rows = Rows(system)
    yield rows
    rows.close()

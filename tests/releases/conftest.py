"""A stack of its own, since facts of a newer release stay in its log: servers and gateways."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from infra import catalogues, settings
from infra.stack.stack import Stack
from tests.releases.load import Load
from tests.releases.newer import EVENT, FIELD, THIS, Release, make
from tests.releases.workers import GATEWAYS, Processes, gateway_of


@pytest.fixture(scope="package")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything but workers."""
    stack = Stack(tmp_path_factory.mktemp("releases") / "stack", quick=True)
    try:
        stack.start()
        catalogues.apply(settings.load(catalogues.CatalogueSettings, stack.environment()))
        stack.run(*(gateway_of(stack, name, THIS) for name in GATEWAYS))
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="package")
def with_field(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release that adds a field."""
    return make(tmp_path_factory.mktemp("field") / "source", FIELD)


@pytest.fixture(scope="package")
def with_event(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release that adds an event."""
    return make(tmp_path_factory.mktemp("event") / "source", EVENT)


@pytest.fixture
async def processes(own: Stack) -> AsyncIterator[Processes]:
    """Workers are started by the test, and ended here."""
    processes = Processes(own)
    yield processes
    await processes.end_all()


@pytest.fixture
async def load(own: Stack, processes: Processes) -> AsyncIterator[Load]:
    """People who are not connected yet."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        yield Load(own, http)

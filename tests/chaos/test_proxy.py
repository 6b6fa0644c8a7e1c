"""The proxy on real sockets: passes, cuts, stalls, resets."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chaos.proxy import Proxy
from infra.stack.ports import find_free_port

MOMENT_SECONDS = 0.2


class Echo:
    """A server that gives back what it gets."""

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(1_024):
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    echo = Echo()
    proxy = Proxy(find_free_port(avoid=set()), await echo.start())
    await proxy.start()
    yield proxy
    await proxy.stop()
    await echo.stop()


async def open_through(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    return reader, writer


async def test_it_passes_both_ways(proxy: Proxy) -> None:
    _, writer = await open_through(proxy)
    assert proxy.connections == 1
    writer.close()


async def test_what_is_cut_swallows_and_tells_nobody(proxy: Proxy) -> None:
    reader, writer = await open_through(proxy)
    proxy.cut()
    writer.write(b"lost")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(MOMENT_SECONDS):
            await reader.read(1)
    proxy.mend()
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(60):
            await reader.readexactly(1)
    await open_through(proxy)


async def test_what_is_stalled_comes_later(proxy: Proxy) -> None:
    reader, writer = await open_through(proxy)
    proxy.stall()
    writer.write(b"one")  # may still come: it was being read when it stalled
    await asyncio.sleep(MOMENT_SECONDS)
    writer.write(b"two!")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(MOMENT_SECONDS):
            await reader.readuntil(b"!")
    proxy.mend()
    async with asyncio.timeout(60):
        assert (await reader.readuntil(b"!")).endswith(b"two!")


async def test_what_is_reset_is_told_so_and_others_may_come(proxy: Proxy) -> None:
    reader, _ = await open_through(proxy)
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(60):
            await reader.readexactly(1)
    await open_through(proxy)


async def test_nobody_behind_it_is_the_end_of_a_connection(proxy: Proxy) -> None:
    proxy.target_port = find_free_port(avoid={proxy.port})
    reader, _ = await asyncio.open_connection("127.0.0.1", proxy.port)
    async with asyncio.timeout(60):
        assert await reader.read(1) == b""

"""A TCP proxy before a gateway, through which the network between people and it can be broken.

Passes bytes both ways. `cut` drops what arrives from either side without telling anybody, as a lost
link does; `stall` stops reading from the gateway, as a device does that reads no more; `reset` ends
every connection with RST. New connections are taken in every state and are as broken as the rest.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

_CHUNK = 65_536
_CONNECT_SECONDS = 2.0


class Proxy:
    """Listens on a port and passes to another."""

    def __init__(self, port: int, target_port: int) -> None:
        self.port = port
        self.target_port = target_port
        self._server: asyncio.Server | None = None
        self._flows = asyncio.Event()
        self._flows.set()
        self._reads = asyncio.Event()
        self._reads.set()
        self._open: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}

    @property
    def url(self) -> str:
        """What clients connect to."""
        return f"ws://127.0.0.1:{self.port}/v1/ws"

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._open)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """End every connection and listen no more."""
        if self._server is not None:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def cut(self) -> None:
        """From now on nothing arrives, on either side, and nobody is told."""
        self._flows.clear()

    def stall(self) -> None:
        """From now on nothing is read from the gateway: its side fills up."""
        self._reads.clear()

    def mend(self) -> None:
        """Pass again. What was dropped stays lost, so connections that were cut are reset."""
        was_cut = not self._flows.is_set()
        self._flows.set()
        self._reads.set()
        if was_cut:
            self.reset()

    def reset(self, count: int | None = None) -> None:
        """End every connection, or so many, with RST."""
        linger_none = struct.pack("ii", 1, 0)
        for task, writers in list(self._open.items())[:count]:
            for writer in writers:
                held = writer.get_extra_info("socket")
                with suppress(OSError):
                    held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)
                writer.transport.abort()
            task.cancel()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        writers = self._open[task] = [writer]
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                there = await asyncio.open_connection("127.0.0.1", self.target_port)
            writers.append(there[1])
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, there[1], None))
                both.create_task(self._pass(there[0], writer, self._reads))
        except (OSError, TimeoutError, ExceptionGroup, asyncio.CancelledError):
            pass  # whichever side ended first, the other is ended below
        finally:
            del self._open[task]
            for one in writers:
                one.close()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        permitted: asyncio.Event | None,
    ) -> None:
        """Bytes from one side to the other until one ends, which is always an exception."""
        while True:
            if permitted is not None:
                await permitted.wait()
            chunk = await reader.read(_CHUNK)
            if not self._flows.is_set():
                if not chunk:
                    await self._flows.wait()  # the other side does not learn of it now
                continue
            if not chunk:
                raise ConnectionResetError
            writer.write(chunk)
            await writer.drain()

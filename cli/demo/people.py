"""Ann and Bob: each a real client on a real socket that reads along and remembers what it saw."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from cli.demo.promises import Seen, Ticks
from client.client import Client
from client.errors import Stopped
from client.messages import Arrived, LinkChanged, Notice
from client.outgoing import Outgoing

TICKS_SECONDS_MAX = 60.0


class Person:
    """A user with one device, who reads what arrives after a moment, or at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.client: Client
        self.reads = True
        self.reads_after_seconds = 0.0
        self.seen: list[Seen] = []
        self.sent: list[str] = []
        self.accepted: dict[str, int] = {}
        self.pages: list[int] = []
        self.links: list[LinkChanged] = []
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def come(self, client: Client) -> None:
        """Be there, with a client whose `on_notice` is `hear`."""
        self.client = client
        await client.__aenter__()
        self._reading = asyncio.create_task(self._read())
        await client.until_online(TICKS_SECONDS_MAX)

    async def leave(self) -> None:
        """Go offline; the device keeps what it knows."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None
            await self.client.close()

    def hear(self, notice: Notice) -> None:
        """News from the client."""
        if isinstance(notice, Arrived):
            self.pages.append(notice.count)
        elif isinstance(notice, LinkChanged):
            self.links.append(notice)

    async def write(self, to: str, text: str) -> Outgoing:
        """Send a message and remember that it was sent."""
        outgoing = await self.client.send(to, text)
        self.sent.append(outgoing.id)
        return outgoing

    async def ticks(self, outgoing: Outgoing) -> Ticks:
        """Wait for the three ticks of a message that was just written. Raises TimeoutError."""
        began = time.perf_counter()
        times = []
        async with asyncio.timeout(TICKS_SECONDS_MAX):
            for tick in (outgoing.accepted, outgoing.delivered, outgoing.read):
                await tick()
                times.append((time.perf_counter() - began) * 1000)
        self.accepted[outgoing.id] = outgoing.seq
        return Ticks(*times)

    async def until_seen(self, count: int, timeout_seconds: float) -> None:
        """Wait until so many messages were shown. Raises TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            while len(self.seen) < count:
                self._news.clear()
                await self._news.wait()

    async def _read(self) -> None:
        with suppress(Stopped):
            async for message in self.client.messages():
                seen = Seen(message.seq, message.id, message.sender_id, message.body)
                self.seen.append(seen)
                if self.reads and message.sender_id != self.name:
                    await asyncio.sleep(self.reads_after_seconds)
                    await self.client.read(message.conversation_id, message.seq)
                self._news.set()

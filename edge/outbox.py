"""What waits to be written to one socket: bounded, and written with the fewest system calls.

In: frames, as bytes. Out: at most one write for all frames of a loop pass. While the client does
not read, frames wait here instead of in the transport; when more wait than the bound allows, `put`
says so, and the socket is to be closed: one slow device slows no other and fills no memory. All
slow devices of a gateway share a budget too: when it is spent, those for whom most waits go first.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

CHUNK_BYTES = 131_072
"""Of waiting frames, written at once; the transport's own buffer stays near this."""


class Flow(Protocol):
    """What knows whether the client reads: aiohttp's protocol."""

    @property
    def writing_paused(self) -> bool:
        """Whether the transport's buffer is full."""


class Writer(Protocol):
    """What waits until the client reads: aiohttp's stream writer."""

    async def drain(self) -> None:
        """Wait until the transport's buffer has room."""


class Budget:
    """The bytes that wait for all slow clients of a gateway together.

    Who reads at the usual pace is not counted: what waits for it is written in the same loop pass.
    """

    def __init__(self, bytes_max: int) -> None:
        self.bytes = 0
        self._bytes_max = bytes_max
        self._slow: dict[Outbox, int] = {}

    def changed(self, outbox: "Outbox", change: int) -> None:
        """So much more, or less, waits for a slow client."""
        self._slow[outbox] = self._slow.get(outbox, 0) + change
        self.bytes += change
        while self.bytes > self._bytes_max:
            slowest = max(self._slow, key=self._slow.__getitem__)
            slowest.too_slow()
            self.left(slowest)

    def left(self, outbox: "Outbox") -> None:
        """Nothing waits for this client any more."""
        self.bytes -= self._slow.pop(outbox, 0)


class Outbox:
    """The frames that wait for one socket.

    `too_slow` is called when the socket is to be closed for the sake of the others.
    """

    __slots__ = (
        "_budget",
        "_bytes",
        "_bytes_max",
        "_flow",
        "_frames_max",
        "_is_last",
        "_slowly",
        "_transport",
        "_waiting",
        "_writer",
        "too_slow",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        flow: Flow,
        writer: Writer,
        *,
        frames_max: int,
        bytes_max: int,
        budget: Budget | None = None,
    ) -> None:
        self.too_slow: Callable[[], None] = lambda: None
        self._budget = budget or Budget(bytes_max)
        self._transport = transport
        self._flow = flow
        self._writer = writer
        self._frames_max = frames_max
        self._bytes_max = bytes_max
        self._waiting: deque[bytes] | list[bytes] = []
        self._bytes = 0
        self._is_last = False
        self._slowly: asyncio.Task[None] | None = None

    def put(self, frame: bytes) -> bool:
        """Add a frame; False when too much waits already."""
        self._bytes += len(frame)
        if self._bytes > self._bytes_max or len(self._waiting) >= self._frames_max:
            return False
        self._waiting.append(frame)
        if self._slowly is not None:
            self._budget.changed(self, len(frame))
        return True

    def flush(self) -> None:
        """Write what waits, as far as the client reads."""
        if self._slowly is not None:
            return
        waiting = self._waiting
        if self._bytes <= CHUNK_BYTES and not self._flow.writing_paused:
            if waiting:
                self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))
                waiting.clear()
                self._bytes = 0
            if self._is_last:
                self._end()
            return
        self._slowly = asyncio.get_running_loop().create_task(self._write_slowly())
        self._budget.changed(self, self._bytes)

    def end(self) -> None:
        """Nothing is put any more: once it is flushed, the client sees the end of the stream.

        A client that ends its own side before it has read everything does without the rest.
        """
        self._is_last = True

    def abandon(self, last: bytes) -> None:
        """Drop what waits, and write one last frame behind what is on its way."""
        self._waiting = []
        self._bytes = 0
        self._budget.left(self)
        if self._slowly is not None:
            self._slowly.cancel()
        self._transport.write(last)

    async def _write_slowly(self) -> None:
        waiting = self._waiting = deque(self._waiting)
        written = 0  # and perhaps still with us, until the transport has room again
        try:
            while waiting:
                if self._flow.writing_paused:
                    await self._writer.drain()
                self._budget.changed(self, -written)
                if self._transport.is_closing():
                    return
                chunk = [waiting.popleft()]
                size = len(chunk[0])
                while waiting and size + len(waiting[0]) <= CHUNK_BYTES:
                    size += len(waiting[0])
                    chunk.append(waiting.popleft())
                self._bytes -= size
                written = size
                self._transport.write(b"".join(chunk))
                await asyncio.sleep(0)
            if self._is_last:
                self._end()
        except ConnectionError:
            return
        finally:
            self._slowly = None
            self._waiting = []
            self._bytes = 0
            self._budget.left(self)

    def _end(self) -> None:
        self._is_last = False
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            # Not closed: what the client still says would reset it, and with it what was written.
            self._transport.write_eof()
        else:  # TLS ends in both directions, and says so to the client before it does
            self._transport.close()

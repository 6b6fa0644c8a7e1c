"""Frames that wait for the socket, in order, and no more of them than the server takes."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

from client.pace import Pace

FRAMES_MAX = 1_000
"""Beyond them nothing is read from the socket either."""


class FrameQueue:
    """What is to be written; empty at the start of every connection."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._is_open = True
        self._pace = Pace()
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()

    def put(self, encoded: Sequence[bytes]) -> None:
        """Put frames behind those that wait; nothing, once the socket has ended."""
        if self._is_open:
            self._frames.extend(encoded)
            self._filled.set()

    def clear(self, limits: Mapping[str, int]) -> None:
        """Begin with nothing, on a new socket with these limits: the core repeats what counts."""
        self._frames.clear()
        self._pace.allow(limits.get("frames_per_minute"), limits.get("frame_burst"))
        self._is_open = True

    async def room(self) -> None:
        """Wait, when too many frames do, until all of them are written."""
        if len(self._frames) > FRAMES_MAX:
            self._drained.clear()
            await self._drained.wait()

    async def flush(self, timeout_seconds: float) -> None:
        """Wait until all is written, for a bounded time."""
        if self._frames:
            self._drained.clear()
            flushed = asyncio.ensure_future(self._drained.wait())
            await asyncio.wait([flushed], timeout=timeout_seconds)
            flushed.cancel()

    async def write(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Send what comes, one after the other, until the socket ends (a ConnectionError)."""
        while True:
            while self._frames:
                if wait_ms := self._pace.take(int(time.monotonic() * 1000)):
                    await asyncio.sleep(wait_ms / 1000)
                    continue
                try:
                    await send(self._frames.popleft())
                except ConnectionError:
                    self._frames.clear()
                    self._is_open = False
                    self._drained.set()
                    return  # the reader finds out why the socket ended
            self._drained.set()
            self._filled.clear()
            await self._filled.wait()

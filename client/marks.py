"""Watermarks on their way to the server: the first at once, then the newest ten times a second.

A watermark says everything that an older one said, so who reads a thousand messages at a stroke
does not send a thousand frames.
"""

import asyncio
from collections.abc import Callable

from client import frames
from client.effects import Mark

INTERVAL_SECONDS = 0.1


class Marks:
    """The watermarks that were sent a moment ago, and what came after them."""

    def __init__(self, transmit: Callable[[bytes], None]) -> None:
        self._transmit = transmit
        self._newer: dict[tuple[str, str], Mark | None] = {}
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def put(self, mark: Mark) -> None:
        """Send it now, or soon."""
        key = (mark.kind, mark.conversation_id)
        if key in self._newer:
            self._newer[key] = mark
        else:
            self._send(key, mark)

    def flush(self) -> None:
        """Send what waits, before the connection is closed."""
        for mark in self._newer.values():
            if mark is not None:
                self._transmit(_frame(mark))
        self.clear()

    def clear(self) -> None:
        """Forget what waits: after a reconnect the core repeats its watermarks."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._newer.clear()

    def _send(self, key: tuple[str, str], mark: Mark) -> None:
        self._transmit(_frame(mark))
        self._newer[key] = None
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(INTERVAL_SECONDS, self._elapsed, key)

    def _elapsed(self, key: tuple[str, str]) -> None:
        mark = self._newer.pop(key, None)
        self._timers.pop(key, None)
        if mark is not None:
            self._send(key, mark)


def _frame(mark: Mark) -> bytes:
    return frames.marker(mark.kind, mark.conversation_id, mark.seq)

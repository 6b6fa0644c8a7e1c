"""Looks at Kafka's clients from the event loop: every two milliseconds while they are busy.

In: functions that look at a client without waiting, and say whether it is busy. Theory of
operation.
librdkafka's queues can only be waited for by a thread. Waking that thread for a record, and the
loop for the thread, costs more than the record: a switch of context each, the interpreter's lock, a
pipe. So nobody waits. One timer looks at everybody, and what came within a tick is taken together.
When nobody was busy for a second, it looks less often. When ticks come late, since the machine is
full, it looks less often too: then more is taken at each, which costs less.
"""

import asyncio
from collections.abc import Callable

Look = Callable[[], bool]
"""Takes what there is, without waiting; whether more is expected soon. Must not raise."""

BUSY_SECONDS = 0.002
IDLE_SECONDS = 0.005
LATE_SECONDS_MAX = 0.02
_BUSY_FOR_SECONDS = 1.0
_LATE_TICKS = 8


class Ticker:
    """Calls everyone who was added, again and again; made and used on an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._looks: tuple[Look, ...] = ()
        self._busy_until = 0.0
        self._is_idle = True
        self._late_seconds = 0.0
        self._due_at = 0.0
        self._due: asyncio.TimerHandle | None = None

    def add(self, look: Look) -> None:
        """Call this from now on."""
        self._looks = (*self._looks, look)
        self.wake()

    def remove(self, look: Look) -> None:
        """Call this no more; nothing happens if it was not called."""
        self._looks = tuple(one for one in self._looks if one != look)
        if not self._looks and self._due is not None:
            self._due.cancel()
            self._due = None

    def wake(self) -> None:
        """Something was asked of a client: its answer is expected soon."""
        self._busy_until = self._loop.time() + _BUSY_FOR_SECONDS
        if self._is_idle or self._due is None:
            self._is_idle = False
            if self._due is not None:
                self._due.cancel()
            self._tick_after(BUSY_SECONDS)

    def _tick_after(self, seconds: float) -> None:
        self._due_at = self._loop.time() + seconds
        self._due = self._loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        late_seconds = min(max(0.0, self._loop.time() - self._due_at), LATE_SECONDS_MAX)
        self._late_seconds += (late_seconds - self._late_seconds) / _LATE_TICKS
        busy = False
        for look in self._looks:
            if look():
                busy = True
        now = self._loop.time()
        if busy:
            self._busy_until = now + _BUSY_FOR_SECONDS
        self._is_idle = now >= self._busy_until
        self._due = None
        if self._looks:
            self._tick_after(
                IDLE_SECONDS if self._is_idle else BUSY_SECONDS + 2 * self._late_seconds
            )

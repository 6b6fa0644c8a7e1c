"""The handle of a message that was sent: where it is, and awaitables for each tick.

A handle may be dropped at any time; the message goes its way without it.
"""

import asyncio
from weakref import WeakSet, WeakValueDictionary

from client.effects import Entry
from client.errors import ClientError, Refused
from client.messages import MarkerMoved, MessageAccepted, MessageRefused, MessageRenamed, Tick
from client.state import State


class Outgoing:
    """A message of this device. `seq` and `sent_at` are 0 until it is accepted."""

    def __init__(self, entry: Entry) -> None:
        self.id = entry.id
        self.to = entry.to
        self.body = entry.body
        self.conversation_id = entry.conversation_id
        self.seq = 0
        self.sent_at = 0
        self.tick = Tick.WAITING
        self.error: ClientError | None = None
        self._waiters: list[tuple[Tick, asyncio.Future[None]]] = []

    async def accepted(self, timeout_seconds: float | None = None) -> int:
        """Wait for the first tick; the seq. Raises Refused, Stopped, TimeoutError."""
        await self._reach(Tick.SENT, timeout_seconds)
        return self.seq

    async def delivered(self, timeout_seconds: float | None = None) -> None:
        """Wait for the second tick. Raises Refused, Stopped, TimeoutError."""
        await self._reach(Tick.DELIVERED, timeout_seconds)

    async def read(self, timeout_seconds: float | None = None) -> None:
        """Wait for the third tick. Raises Refused, Stopped, TimeoutError."""
        await self._reach(Tick.READ, timeout_seconds)

    async def _reach(self, tick: Tick, timeout_seconds: float | None) -> None:
        if self.tick >= tick:
            return
        if self.error is not None:
            raise self.error
        waiter = asyncio.get_running_loop().create_future()
        pair = (tick, waiter)
        self._waiters.append(pair)
        try:
            async with asyncio.timeout(timeout_seconds):
                await waiter
        finally:
            if pair in self._waiters:
                self._waiters.remove(pair)

    def advance(self, tick: Tick) -> None:
        """The message has come this far."""
        if tick > self.tick:
            self.tick = tick
            for wanted, waiter in self._waiters:
                if wanted <= tick and not waiter.done():
                    waiter.set_result(None)
            self._waiters = [pair for pair in self._waiters if not pair[1].done()]

    def fail(self, error: ClientError) -> None:
        """The message will not come further, as far as this client can tell."""
        self.error = error
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()
        self._waiters.clear()


class Handles:
    """The handles that somebody still holds."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._unaccepted: WeakValueDictionary[int, Outgoing] = WeakValueDictionary()
        self._unread: dict[str, WeakSet[Outgoing]] = {}

    def made(self, entry: Entry) -> Outgoing:
        """A handle for a message that has just entered the outbox."""
        handle = self._unaccepted[entry.order] = Outgoing(entry)
        return handle

    def accepted(self, notice: MessageAccepted) -> None:
        """The first tick."""
        handle = self._unaccepted.pop(notice.order, None)
        if handle is None:
            return
        handle.conversation_id = notice.conversation_id
        handle.seq, handle.sent_at = notice.seq, notice.sent_at
        handle.advance(self._state.tick(notice.conversation_id, notice.seq))
        if handle.tick is not Tick.READ:
            self._unread.setdefault(notice.conversation_id, WeakSet()).add(handle)

    def refused(self, notice: MessageRefused) -> None:
        """It will never be sent."""
        handle = self._unaccepted.pop(notice.order, None)
        if handle is not None:
            handle.fail(Refused(notice.code, notice.detail or notice.code))

    def renamed(self, notice: MessageRenamed) -> None:
        """It goes on under a new id."""
        handle = self._unaccepted.get(notice.order)
        if handle is not None:
            handle.id = notice.id

    def moved(self, notice: MarkerMoved) -> None:
        """The second or third tick for everything up to a seq."""
        waiting = self._unread.get(notice.conversation_id)
        if waiting is None:
            return
        for handle in list(waiting):
            handle.advance(self._state.tick(notice.conversation_id, handle.seq))
            if handle.tick is Tick.READ:
                waiting.discard(handle)
        if not waiting:
            del self._unread[notice.conversation_id]

    def fail(self, error: ClientError) -> None:
        """Nothing more will be heard of any of them by this client."""
        for handle in list(self._unaccepted.values()):
            handle.fail(error)
        for waiting in self._unread.values():
            for handle in list(waiting):
                handle.fail(error)

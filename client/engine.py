"""The shell around the core: feeds it frames and time, and carries out its effects.

One step at a time, without an await inside: the core decides, the store keeps, frames are queued
for the socket, waiters are told. So nothing is sent that would not survive the process.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from random import Random
from ssl import SSLContext

from aiohttp import ClientSession

from client import frames
from client.effects import Effects, Wait
from client.errors import ClientError, Stopped, StoreError, Unanswered
from client.messages import (
    Arrived,
    Link,
    LinkChanged,
    MarkerMoved,
    MessageAccepted,
    MessageRefused,
    MessageRenamed,
    Notice,
    Problem,
)
from client.options import Options, TokenSource
from client.outgoing import Handles
from client.requests import Answer, Requests
from client.state import State
from client.store import Store
from client.wire import Wire

logger = logging.getLogger(__name__)


class Engine:
    """Runs one device until it is closed or told not to come back."""

    def __init__(
        self,
        urls: Sequence[str],
        token_source: TokenSource,
        store: Store,
        on_notice: Callable[[Notice], None] | None,
        http: ClientSession | None,
        tls: SSLContext | None,
        options: Options,
        random: Random,
    ) -> None:
        self.state = State(store.load())
        self.store = store
        self.handles = Handles(self.state)
        self.link = Link.OFFLINE
        self.arrived = asyncio.Event()
        self.progressed = asyncio.Event()
        self.stopped: ClientError | None = None
        self._on_notice = on_notice
        self._options = options
        self._random = random
        self._wire = Wire(urls, token_source, http, tls, options, random, self)
        self._requests = Requests()
        self._timers: set[asyncio.TimerHandle] = set()
        self._server_ms_at_zero = time.time() * 1000 - time.monotonic() * 1000

    def start(self) -> None:
        """Begin to connect."""
        self._wire.start()

    async def close(self) -> None:
        """Send what waits for the socket, then end."""
        if self.stopped is None:
            self.apply(self.state.flush(self.now()))
        await self._wire.flush()
        self.end(Stopped("closed", "the client was closed"))
        await self._wire.close()
        self._forget_timers()

    @property
    def online(self) -> bool:
        """Whether there is an authenticated connection."""
        return self._wire.online

    def now(self) -> int:
        """The server's clock, in milliseconds; a step of the local clock does not move it."""
        return int(self._server_ms_at_zero + time.monotonic() * 1000)

    def check_running(self) -> None:
        """Raises what ended this client."""
        if self.stopped is not None:
            raise self.stopped

    def apply(self, out: Effects) -> None:
        """Carry out one step of the core. A store that fails ends the client."""
        if out.changes:
            try:
                self.store.save(out.changes)
            except StoreError as error:
                self.end(error)
                raise
        if out.frames:
            self._wire.send(out.frames)
        for wait in out.waits:
            self._wake_later(wait)
        for request_id, answer in out.answers:
            self._requests.answer(request_id, answer)
        for notice in out.notices:
            self._tell(notice)
        self.progressed.set()

    async def ask(self, request_id: str, frame: bytes) -> Answer:
        """Send a request of the application and wait for its answer."""
        self.check_running()
        if not self.online:
            raise Unanswered("offline", "there is no connection")
        try:
            return await self._requests.ask(
                request_id, lambda: self.apply(self.state.ask(request_id, frame, self.now()))
            )
        finally:
            self.state.questions.forget(request_id)

    async def until(self, holds: Callable[[], bool], timeout_seconds: float | None) -> None:
        """Wait until something holds of the state."""
        async with asyncio.timeout(timeout_seconds):
            while not holds():
                self.check_running()
                self.progressed.clear()
                await self.progressed.wait()

    # What the wire asks and tells

    @property
    def since(self) -> str | None:
        """The token of heads up to which everything is stored here."""
        return self.state.since

    def connected(self, welcome: frames.Welcome) -> None:
        """There is an authenticated connection."""
        self._server_ms_at_zero = welcome.server_time - time.monotonic() * 1000
        self.apply(self.state.connected(welcome, self.now()))

    def disconnected(self) -> None:
        """There is none any more. What was to go on after a pause begins anew with the next."""
        self._forget_timers()
        self.apply(self.state.disconnected())
        self._requests.fail(Unanswered("offline", "the connection was lost"))

    def received(self, frame: frames.ServerFrame | frames.Unknown) -> None:
        """A frame came."""
        self.apply(self.state.receive(frame, self.now()))

    def passed(self) -> None:
        """Some time has passed on a connection."""
        self.apply(self.state.tick_clock(self.now()))

    def changed(self, notice: LinkChanged) -> None:
        """The link is up, down, or about to be."""
        self._tell(notice)

    def end(self, error: ClientError) -> None:
        """Nothing more happens: tell everyone who waits."""
        if self.stopped is None:
            self.stopped = error
            self._tell(LinkChanged(Link.STOPPED, error.detail))
            self.handles.fail(error)
            self._requests.fail(error)
        self.arrived.set()
        self.progressed.set()

    # Steps

    def _forget_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _wake_later(self, wait: Wait) -> None:
        def wake() -> None:
            self._timers.discard(timer)
            if self.stopped is None:
                self.apply(self.state.wake(wait.topic, wait.conversation_id, self.now()))

        delay_seconds = self._options.backoff(wait.attempt, self._random, wait.at_least_seconds)
        timer = asyncio.get_running_loop().call_later(delay_seconds, wake)
        self._timers.add(timer)

    def _tell(self, notice: Notice) -> None:
        match notice:
            case MessageAccepted():
                self.handles.accepted(notice)
            case MarkerMoved():
                self.handles.moved(notice)
            case Arrived():
                self.arrived.set()
            case MessageRefused():
                self.handles.refused(notice)
            case MessageRenamed():
                self.handles.renamed(notice)
            case LinkChanged():
                self.link = notice.link
                logger.debug("%s %s", notice.link.value, notice.detail)
            case Problem():
                logger.warning("%s: %s", notice.code, notice.detail)
        if self._on_notice is not None:
            self._on_notice(notice)

"""The shell around the core: connects, feeds it frames and time, and carries out its effects.

One step at a time, without an await inside: the core decides, the store keeps, frames are queued
for the socket, waiters are told. So nothing is sent that would not survive the process.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from ssl import SSLContext

from aiohttp import ClientSession, TCPConnector

from client import frames
from client.backoff import backoff_seconds
from client.connection import Connection, Disconnected, connect
from client.effects import Effects
from client.errors import ClientError, Stopped, StoreError, Unanswered
from client.marks import Marks
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
from client.outgoing import Handles
from client.requests import Answer, Requests
from client.state import State
from client.store import Store

logger = logging.getLogger(__name__)

TokenSource = Callable[[], Awaitable[str]]
"""Gives an access token; asked again before every connection."""

OUTGOING_MAX = 1_000
"""Frames that wait for the socket; beyond them nothing is read from it either."""

_CLOCK_SECONDS = 2.0
_FLUSH_SECONDS = 1.0
_STABLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a client behaves on its link. A retry waits up to base * 2^n seconds, at most the cap."""

    heartbeat_seconds: float = 30.0
    token_refresh_seconds: float | None = None
    retry_base_seconds: float = 0.25
    retry_cap_seconds: float = 20.0


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
        self.changed = asyncio.Event()
        self.stopped: ClientError | None = None
        self._urls = tuple(urls)
        self._token_source = token_source
        self._on_notice = on_notice
        self._http = http
        self._owns_http = http is None
        self._tls = tls
        self._options = options
        self._random = random
        self._connection: Connection | None = None
        self._outgoing: deque[bytes] = deque()
        self._outgoing_ready = asyncio.Event()
        self._outgoing_drained = asyncio.Event()
        self._requests = Requests()
        self._marks = Marks(lambda frame: self._transmit([frame]))
        self._running: asyncio.Task[None] | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self._server_ms_at_zero = time.time() * 1000 - time.monotonic() * 1000

    def start(self) -> None:
        """Begin to connect."""
        if self._http is None:
            self._http = ClientSession(connector=TCPConnector(limit=0, ssl=self._tls or True))
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Send what waits for the socket, then end."""
        self._marks.flush()
        if self._connection is not None and self._outgoing:
            self._outgoing_drained.clear()
            flushed = asyncio.ensure_future(self._outgoing_drained.wait())
            await asyncio.wait([flushed], timeout=_FLUSH_SECONDS)
            flushed.cancel()
        self.end(Stopped("closed", "the client was closed"))
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        if self._owns_http and self._http is not None:
            await self._http.close()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    @property
    def online(self) -> bool:
        """Whether there is an authenticated connection."""
        return self._connection is not None

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
            self._transmit(out.frames)
        if self._connection is not None:
            for mark in out.marks:
                self._marks.put(mark)
        for wait in out.waits:
            delay_seconds = self._backoff(wait.attempt, wait.at_least_seconds)
            self._wake_later(delay_seconds, wait.topic, wait.conversation_id)
        for request_id, answer in out.answers:
            self._requests.answer(request_id, answer)
        for notice in out.notices:
            self._tell(notice)
        self.changed.set()

    async def ask(self, request_id: str, frame: bytes) -> Answer:
        """Send a request of the application and wait for its answer."""
        self.check_running()
        if not self.online:
            raise Unanswered("offline", "there is no connection")
        return await self._requests.ask(request_id, lambda: self._transmit([frame]))

    async def until(self, holds: Callable[[], bool], timeout_seconds: float | None) -> None:
        """Wait until something holds of the state."""
        async with asyncio.timeout(timeout_seconds):
            while not holds():
                self.check_running()
                self.changed.clear()
                await self.changed.wait()

    def end(self, error: ClientError) -> None:
        """Nothing more happens: tell everyone who waits."""
        if self.stopped is None:
            self.stopped = error
            self._tell(LinkChanged(Link.STOPPED, error.detail))
            self.handles.fail(error)
            self._requests.fail(error)
        self.arrived.set()
        self.changed.set()

    # The connection

    async def _run(self) -> None:
        """Connect, serve, and again, until told otherwise."""
        attempt = turn = refusals = 0
        try:
            while True:
                url = self._urls[turn % len(self._urls)]
                turn += 1
                self._tell(LinkChanged(Link.CONNECTING, url))
                started_at = time.monotonic()
                try:
                    await self._serve(url)
                except Disconnected as gone:
                    refusals = refusals + 1 if gone.unauthorized else 0
                    if not gone.reconnect and refusals != 1:
                        raise Stopped(gone.stop_code, gone.detail) from gone
                    if time.monotonic() - started_at > _STABLE_SECONDS:
                        attempt = 0
                    attempt += 1
                    self._tell(LinkChanged(Link.OFFLINE, gone.detail))
                    await asyncio.sleep(self._backoff(attempt, gone.retry_after_seconds))
        except ClientError as error:
            self.end(error)
        except Exception as error:
            self.end(ClientError("internal", f"the client failed: {error!r}"))
            raise

    async def _serve(self, url: str) -> None:
        """One connection from its beginning to its end, which is always an exception."""
        assert self._http is not None
        try:
            token = await self._token_source()
        except (OSError, TimeoutError) as error:
            raise Disconnected(f"no access token: {error}", reconnect=True) from error
        connection, welcome = await connect(
            self._http, url, token, heartbeat_seconds=self._options.heartbeat_seconds
        )
        self._server_ms_at_zero = welcome.server_time - time.monotonic() * 1000
        self._connection = connection
        self._outgoing.clear()
        try:
            self.apply(self.state.connected(welcome, self.now()))
            self._tell(LinkChanged(Link.ONLINE, url))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read_frames(connection))
                tasks.create_task(self._write_frames(connection))
                tasks.create_task(self._watch_clock())
        except ExceptionGroup as group:
            raise _what_counts(group) from None
        finally:
            self._connection = None
            self._marks.clear()
            self.apply(self.state.disconnected())
            self._requests.fail(Unanswered("offline", "the connection was lost"))
            await connection.close()

    async def _read_frames(self, connection: Connection) -> None:
        while True:
            frame = await connection.receive()
            self.apply(self.state.receive(frame, self.now()))
            if len(self._outgoing) > OUTGOING_MAX:
                self._outgoing_drained.clear()
                await self._outgoing_drained.wait()

    async def _write_frames(self, connection: Connection) -> None:
        while True:
            while self._outgoing:
                try:
                    await connection.send(self._outgoing.popleft())
                except ConnectionError:
                    self._outgoing_drained.set()
                    return  # the reader finds out why the socket ended
            self._outgoing_drained.set()
            self._outgoing_ready.clear()
            await self._outgoing_ready.wait()

    async def _watch_clock(self) -> None:
        every_seconds = self._options.token_refresh_seconds
        refresh_at = None if every_seconds is None else time.monotonic() + every_seconds
        while True:
            await asyncio.sleep(_CLOCK_SECONDS)
            self.apply(self.state.tick_clock(self.now()))
            if refresh_at is not None and time.monotonic() >= refresh_at:
                try:
                    self._transmit([frames.token(await self._token_source())])
                except (OSError, TimeoutError) as error:
                    logger.warning("no fresh access token, trying again: %s", error)
                else:
                    refresh_at = time.monotonic() + (every_seconds or 0.0)

    # Steps

    def _transmit(self, encoded: Sequence[bytes]) -> None:
        if self._connection is not None:
            self._outgoing.extend(encoded)
            self._outgoing_ready.set()

    def _backoff(self, attempt: int, at_least_seconds: float) -> float:
        return backoff_seconds(
            attempt,
            self._random,
            base_seconds=self._options.retry_base_seconds,
            cap_seconds=self._options.retry_cap_seconds,
            at_least_seconds=at_least_seconds,
        )

    def _wake_later(self, delay_seconds: float, topic: str, conversation_id: str) -> None:
        def wake() -> None:
            self._timers.discard(timer)
            if self.stopped is None:
                self.apply(self.state.wake(topic, conversation_id, self.now()))

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


def _what_counts(group: ExceptionGroup[Exception]) -> Exception:
    """Of what ended a connection, the error that decides what happens next."""
    for kind in (ClientError, Disconnected):
        for error in group.exceptions:
            if isinstance(error, kind):
                return error
    return group.exceptions[0]

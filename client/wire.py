"""The wire of a device: connects again and again, hands on frames and time, sends what waits.

In: urls to try in turn, a token for each connection, frames to send. Out: calls of a `Listener`,
one after the other, none of which waits.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from random import Random
from ssl import SSLContext
from typing import Protocol

from aiohttp import ClientSession, TCPConnector

from client import frames
from client.connection import Connection, Disconnected, connect
from client.errors import ClientError, Stopped
from client.frame_queue import FrameQueue
from client.messages import Link, LinkChanged
from client.options import Options, TokenSource

logger = logging.getLogger(__name__)

_CLOCK_SECONDS = 2.0
_FLUSH_SECONDS = 1.0
_RENEW_AGAIN_SECONDS = 10.0
"""After a token was refused, or was not answered, another one is asked for."""

_RENEWAL = "token"
"""The request id of every renewal; one is under way at most."""


class Listener(Protocol):
    """Who is told what happens on the wire. What it raises ends the connection."""

    @property
    def since(self) -> str | None:
        """What to show the server, so that it tells only what has changed."""
        ...

    def connected(self, welcome: frames.Welcome) -> None:
        """There is an authenticated connection."""
        ...

    def disconnected(self) -> None:
        """There is none any more."""
        ...

    def received(self, frame: frames.ServerFrame | frames.Unknown) -> None:
        """A frame came."""
        ...

    def passed(self) -> None:
        """Some time has passed on a connection."""
        ...

    def changed(self, notice: LinkChanged) -> None:
        """The link is up, down, or about to be."""
        ...

    def end(self, error: ClientError) -> None:
        """There will be no further connection."""
        ...


class Wire:
    """One connection at a time, for as long as the client runs."""

    def __init__(
        self,
        urls: Sequence[str],
        token_source: TokenSource,
        http: ClientSession | None,
        tls: SSLContext | None,
        options: Options,
        random: Random,
        listener: Listener,
    ) -> None:
        self._urls = tuple(urls)
        self._token_source = token_source
        self._http = http
        self._owns_http = http is None
        self._tls = tls
        self._options = options
        self._random = random
        self._listener = listener
        self._connection: Connection | None = None
        self._queue = FrameQueue()
        self._connected_at = float("inf")
        self._renew_at = float("inf")
        self._running: asyncio.Task[None] | None = None
        self._refused_tokens = 0
        self._token_used = ""
        self._token_refused: str | None = None
        self._useless: set[str] = set()
        """Addresses that were refused for good since the last connection that was stable."""
        self._not_found: Counter[str] = Counter()
        """How often in a row each address was not found."""

    @property
    def online(self) -> bool:
        """Whether there is an authenticated connection."""
        return self._connection is not None

    def start(self) -> None:
        """Begin to connect."""
        if self._http is None:
            self._http = ClientSession(connector=TCPConnector(limit=0, ssl=self._tls or True))
        self._running = asyncio.create_task(self._run())

    def send(self, encoded: Sequence[bytes]) -> None:
        """Put frames behind those that wait; without a connection they are dropped."""
        if self._connection is not None:
            self._queue.put(encoded)

    async def flush(self) -> None:
        """Wait a moment until the socket has taken what waits."""
        if self._connection is not None:
            await self._queue.flush(_FLUSH_SECONDS)

    async def close(self) -> None:
        """End the connection, and make no other."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        if self._owns_http and self._http is not None:
            await self._http.close()

    async def _run(self) -> None:
        """Connect, serve, and again, until told otherwise."""
        attempt = turn = 0
        try:
            while True:
                url = self._urls[turn % len(self._urls)]
                turn += 1
                self._listener.changed(LinkChanged(Link.CONNECTING, url))
                self._connected_at = float("inf")
                try:
                    await self._serve(url)
                except Disconnected as gone:
                    if time.monotonic() - self._connected_at > self._options.stable_seconds:
                        attempt = self._refused_tokens = 0
                        self._token_refused = None
                        self._useless.clear()
                    if self._is_final(gone, url):
                        raise Stopped(gone.stop_code, gone.detail) from gone
                    attempt += 1
                    self._listener.changed(LinkChanged(Link.OFFLINE, gone.detail))
                    wait_seconds = self._options.backoff(
                        attempt, self._random, gone.retry_after_seconds
                    )
                    await asyncio.sleep(wait_seconds)
        except ClientError as error:
            self._listener.end(error)
        except Exception as error:
            self._listener.end(ClientError("internal", f"the client failed: {error!r}"))
            raise

    def _is_final(self, gone: Disconnected, url: str) -> bool:
        """Whether nothing else is left to try: no fresh token, and no other address."""
        self._not_found[url] = self._not_found[url] + 1 if gone.may_pass else 0
        if gone.unauthorized:
            is_same = self._token_used == self._token_refused
            self._token_refused = self._token_used
            self._refused_tokens += 1
            return is_same or self._refused_tokens >= self._options.refused_tokens_max
        if gone.address_code:
            if gone.may_pass and self._not_found[url] < self._options.not_found_max:
                return False
            self._useless.add(url)
            return self._useless.issuperset(self._urls)
        return not gone.reconnect

    async def _serve(self, url: str) -> None:
        """One connection from its beginning to its end, which is always an exception."""
        assert self._http is not None
        try:
            token = await self._token()
        except OSError as error:
            raise Disconnected(f"no access token: {error}", reconnect=True) from error
        self._token_used = token
        connection, welcome = await connect(
            self._http,
            url,
            token,
            since=self._listener.since,
            heartbeat_seconds=self._options.heartbeat_seconds,
        )
        self._connected_at = time.monotonic()
        self._connection = connection
        self._queue.clear(welcome.limits)
        try:
            self._listener.connected(welcome)
            self._listener.changed(LinkChanged(Link.ONLINE, url))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read_frames(connection))
                tasks.create_task(self._queue.write(connection.send))
                tasks.create_task(self._watch_clock())
        except ExceptionGroup as group:
            raise _what_counts(group) from None
        finally:
            self._connection = None
            self._listener.disconnected()
            await connection.close()

    async def _token(self) -> str:
        """A fresh access token. Raises OSError, also for one that takes too long.

        Whatever kept the source from giving one may pass, unless it says otherwise: ClientError.
        """
        try:
            async with asyncio.timeout(self._options.token_seconds):
                return await self._token_source()
        except (ClientError, OSError):
            raise
        except Exception as error:
            raise OSError(f"{type(error).__name__}: {error}") from error

    async def _read_frames(self, connection: Connection) -> None:
        while True:
            frame = await connection.receive()
            if isinstance(frame, frames.Renewed):
                self._renew_at = time.monotonic() + self._renewal_seconds
            elif isinstance(frame, frames.Error) and frame.id == _RENEWAL:
                logger.warning("the fresh access token was refused: %s", frame.detail)
                at_least_seconds = frame.retry_after_seconds or 0.0
                again_seconds = max(_RENEW_AGAIN_SECONDS, at_least_seconds)
                self._renew_at = time.monotonic() + again_seconds
            else:
                self._listener.received(frame)
            await self._queue.room()

    async def _watch_clock(self) -> None:
        self._renew_at = time.monotonic() + self._renewal_seconds
        while True:
            await asyncio.sleep(_CLOCK_SECONDS)
            self._listener.passed()
            if time.monotonic() >= self._renew_at:
                await self._renew()

    @property
    def _renewal_seconds(self) -> float:
        every_seconds = self._options.token_refresh_seconds
        return float("inf") if every_seconds is None else every_seconds

    async def _renew(self) -> None:
        """Send a fresh token. The session is as good as its old one, whatever comes of it."""
        try:
            token = await self._token()
        except OSError as error:
            logger.warning("no fresh access token, trying again: %s", error)
        else:
            self._renew_at = time.monotonic() + _RENEW_AGAIN_SECONDS
            self.send([frames.token(_RENEWAL, token)])


def _what_counts(group: ExceptionGroup[Exception]) -> Exception:
    """Of what ended a connection, the error that decides what happens next."""
    for kind in (ClientError, Disconnected):
        for error in group.exceptions:
            if isinstance(error, kind):
                return error
    return group.exceptions[0]

"""Redis: one lean pipelined connection for stores.

`RedisPipe` sends many commands and gives their replies after one round trip, at about a sixth of
the CPU of redis-py's pipeline (ADR 0012), since fan-out does this for every
batch. It speaks RESP3 through hiredis, connects on first use, and shares one connection among its
callers, in order. A time-out or a broken connection fails everything that waits, with redis-py's
own errors, and the next call connects again; nothing is repeated here.

A server that was started anew may come back with what it held some time ago: from a file, or as a
replica that was behind. Heads that are too low would be believed. So each connection begins by
comparing the run that the data belong to with the run of the server, and what is left of another
run is deleted: a Redis that comes back older is one that lost everything (ADR 0024). What a release
with another layout of the keys wrote counts as another run. Each round trip names the run once
more: that sets it anew where all keys were deleted, and it fails where the data have been replaced
under an open connection or the server has become a replica. One that takes no writes because it is
full or cannot save is asked afterwards which run its data are of: when it is the same, reads go on.
"""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from hashlib import sha1
from typing import Any, cast

import hiredis
from redis import exceptions
from redis.asyncio.connection import parse_url

from infra.settings import RedisSettings
from infra.tls import client_context

RUN = "run"
"""The key that names the run of the server to which all other keys belong, and their layout."""

LAYOUT = 1
"""Of the keys in docs/redis.md. It is raised whenever the name, the type or the meaning of one
changes: the database is then emptied once when that release first connects."""

_BEGIN = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return 0 end
redis.call('FLUSHDB', 'ASYNC')
redis.call('SET', KEYS[1], ARGV[1])
return 1"""
_BEGIN_SHA = sha1(_BEGIN.encode()).hexdigest()
_RUN_ID = re.compile(r"^run_id:(\w+)", re.MULTILINE)

_TAKES_NO_WRITES = ("OOM ", "MISCONF ")
"""Not READONLY: a master that was made a replica takes over older data and keeps the key `run` that
names it, so what it holds is not to be believed."""

_NOT_YET = object()


def run_name(run_id: str, layout: int = LAYOUT) -> str:
    """What `RUN` holds: the run of the server, and the layout of what was written in it."""
    return f"{run_id}/{layout}"


def beginning(run: str) -> list[bytes]:
    """What a connection says first: whatever was written in another run goes."""
    return [
        _pack("SCRIPT", "LOAD", _BEGIN),
        _pack("EVALSHA", _BEGIN_SHA, "1", RUN, run),
    ]


def naming(run: str) -> bytes:
    """Part of each round trip. The reply is the run that the data belong to, or nothing where
    none was named."""
    return _pack("SET", RUN, run, "NX", "GET")


class RedisPipe:
    """Many commands, one round trip. The connection is opened when it is first needed."""

    def __init__(
        self, settings: RedisSettings, *, timeout_seconds: float, layout: int = LAYOUT
    ) -> None:
        self._address = parse_url(settings.url)
        self._ca_file = settings.ca_file
        self._timeout_seconds = timeout_seconds
        self._layout = layout
        self._wire: _Wire | None = None
        self._connecting = asyncio.Lock()

    async def run(self, commands: Sequence[bytes]) -> list[Any]:
        """One reply for each packed command. Raises what `infra.transient` knows."""
        if not commands:
            return []
        wire = self._wire
        try:
            async with asyncio.timeout(self._timeout_seconds):
                if wire is None or wire.closed:
                    wire = await self._connected()
                named, *replies = await wire.ask([wire.naming, *commands])
                if _is_refused(named):  # replies that came before are of the run that is there now
                    (known,) = await wire.ask([_pack("GET", RUN)])
                    named = named if known is None else known
        except TimeoutError:
            if wire is not None:
                wire.abort("no answer in time")
            raise exceptions.TimeoutError(
                f"no answer from Redis in {self._timeout_seconds} s"
            ) from None
        except OSError as error:
            raise exceptions.ConnectionError(f"no connection to Redis: {error}") from error
        if named is not None and named != wire.run:
            wire.abort("the data are of another run")
            if type(named) is exceptions.ResponseError:
                raise named
            raise exceptions.ConnectionError("the data in Redis are of another run or layout")
        for reply in replies:
            if type(reply) is exceptions.ResponseError:
                raise reply
        return replies

    async def close(self) -> None:
        """Drop the connection."""
        if self._wire is not None:
            self._wire.abort("closed")
            self._wire = None

    async def _connected(self) -> "_Wire":
        async with self._connecting:
            if self._wire is None or self._wire.closed:
                self._wire = await self._open()
            return self._wire

    async def _open(self) -> "_Wire":
        loop = asyncio.get_running_loop()
        address = self._address
        if path := address.get("path"):
            _, wire = await loop.create_unix_connection(_Wire, path)
        else:
            # parse_url names a TLS connection class for rediss://, and none for redis://
            secure = client_context(self._ca_file) if "connection_class" in address else None
            _, wire = await loop.create_connection(
                _Wire,
                address.get("host", "localhost"),
                address.get("port", 6379),
                ssl=secure,
            )
        hello: tuple[str, ...] = ("HELLO", "3")
        if password := address.get("password"):
            hello += ("AUTH", address.get("username") or "default", password)
        commands = [_pack(*hello)]
        if number := address.get("db"):
            commands.append(_pack("SELECT", str(number)))
        commands.append(_pack("INFO", "server"))
        try:
            *_, info = await _taken(wire, commands)
            found = _RUN_ID.search(str(info))
            if found is None:
                raise exceptions.ResponseError("ERR the server does not say which run this is")
            wire.run = run_name(found[1], self._layout)
            wire.naming = naming(wire.run)
            await _taken(wire, beginning(wire.run))
        except BaseException:
            wire.abort("refused")
            raise
        return wire


def _is_refused(reply: Any) -> bool:
    """Whether a write was refused for the state that the server is in."""
    return type(reply) is exceptions.ResponseError and str(reply).startswith(_TAKES_NO_WRITES)


async def _taken(wire: "_Wire", commands: Sequence[bytes]) -> list[Any]:
    replies = await wire.ask(commands)
    for reply in replies:
        if type(reply) is exceptions.ResponseError:
            raise reply
    return replies


class _Wire(asyncio.Protocol):
    """One connection: replies belong to those who asked, in the order in which they asked."""

    def __init__(self) -> None:
        self.closed = False
        self.run = ""
        """The run of the server at the other end, which a connection never outlives, and the layout
        of what is written through this connection."""
        self.naming = b""
        self._reader = hiredis.Reader(
            encoding="utf-8",
            replyError=exceptions.ResponseError,
            notEnoughData=_NOT_YET,
        )
        self._replies: list[Any] = []
        self._waiting: deque[tuple[int, asyncio.Future[list[Any]]]] = deque()
        self._transport: asyncio.Transport | None = None

    def ask(self, commands: Sequence[bytes]) -> "asyncio.Future[list[Any]]":
        """Send packed commands; their replies, errors among them, as they come."""
        if self.closed or self._transport is None:
            raise exceptions.ConnectionError("the connection to Redis is closed")
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((len(commands), answer))
        self._transport.write(b"".join(commands))
        return answer

    def abort(self, reason: str) -> None:
        """End the connection; whoever waits gets a ConnectionError."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()
        while self._waiting:
            _, answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(
                    exceptions.ConnectionError(f"the connection to Redis ended: {reason}")
                )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.abort(str(error or "closed by the server"))

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        replies, next_reply = self._replies, self._reader.gets
        try:
            while (reply := next_reply()) is not _NOT_YET:
                replies.append(reply)
        except hiredis.ProtocolError as error:
            self.abort(str(error))
            return
        while self._waiting and len(replies) >= self._waiting[0][0]:
            asked, answer = self._waiting.popleft()
            if not answer.done():
                answer.set_result(replies[:asked])
            del replies[:asked]


def _pack(*words: str) -> bytes:
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]
    return packed

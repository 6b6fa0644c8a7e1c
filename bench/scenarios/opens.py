"""What a session and an inbox cost a user who has few conversations, and one who has very many.

One user for each count. The messages that begin the conversations are submitted, and what the
workers make of them is waited for. Then a device of the user comes again and again: new, so that it
is told the first page of heads; returning, with the token it was given; and asking for the first
page of the inbox. At last Redis loses everything, and the user comes once more. One after the
other, so the times are those of an idle system.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from confluent_kafka import Producer
from msgspec import Struct
from redis import Redis

from bench.cost import mark, spent
from bench.devices import Opener, Settings
from bench.figures import quantiles_ms
from bench.jitter import lost_share
from bench.world import World
from events.frames import SUBPROTOCOL
from events.ids import direct_conversation, timed_id
from events.messages import MessageSubmitted
from events.topics import SUBMISSIONS, partition_of
from infra.errors import UserError
from infra.lag import LagReader
from infra.settings import RedisSettings, load

_GROUPS = ("admission", "history", "fanout")
_STORED_SECONDS = 600.0
_ANSWER_SECONDS = 60.0
_FLUSH_SECONDS = 60.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How many conversations the users have, and how often each thing is done."""

    conversations: Sequence[int] = (10, 1_000, 10_000)
    times: int = 100


class Cost(Struct, frozen=True, kw_only=True):
    """Of one thing that was done many times."""

    latency: dict[str, float]
    cpu_microseconds: dict[str, float]
    """Of each process, each time."""


class Opened(Struct, frozen=True, kw_only=True):
    """What one user's sessions and inbox cost."""

    conversations: int
    new_device: Cost
    returning_device: Cost
    inbox: Cost
    after_redis_lost_all_ms: float


class OpensResult(Struct, frozen=True, kw_only=True, tag_field="scenario", tag="opens"):
    """What was measured."""

    users: list[Opened]
    jitter_before: float
    jitter_after: float


@dataclass(frozen=True, slots=True)
class _Settings:
    redis: RedisSettings


def measure(world: World, options: Options, tell: Tell) -> OpensResult:
    """Measure on a world with a gateway and workers. Raises UserError."""
    before = lost_share()
    for count in options.conversations:
        tell(f"beginning {count:,} conversations …")
        _begin(world, count)
    caught_up = LagReader(world.kafka()).seconds_until_caught_up(_GROUPS, _STORED_SECONDS)
    if caught_up is None:
        raise _failed(f"was not stored within {_STORED_SECONDS:.0f} s")
    users = []
    for count in options.conversations:
        tell(f"a user with {count:,} conversations …")
        users.append(asyncio.run(_measure(world, count, options.times)))
    return OpensResult(users=users, jitter_before=before, jitter_after=lost_share())


def _begin(world: World, count: int) -> None:
    """Others write to a user for the first time, one after the other."""
    codec, user = world.codec(), _user(count)
    producer = Producer({**world.kafka().connection(), "linger.ms": 5}, logger=None)
    for number in range(count):
        other = f"friend-{number}"
        conversation_id = direct_conversation(user, other)
        submitted = MessageSubmitted(
            conversation_id=conversation_id,
            sender_id=other,
            device_id="phone",
            client_message_id=timed_id(time.time_ns() // 1_000_000, secrets.randbits(74)),
            kind="text",
            body="Is that your new number?",
        )
        producer.produce(
            SUBMISSIONS.name,
            codec.encode(submitted),
            conversation_id.encode(),
            partition_of(conversation_id),
        )
        producer.poll(0)
    if producer.flush(_FLUSH_SECONDS):
        raise _failed("was not taken by Kafka")


async def _measure(world: World, count: int, times: int) -> Opened:
    opener = Opener(load(Settings, world.environment()))
    url, hello = opener.urls[0], {"type": "hello", "token": opener.token(_user(count))}
    async with aiohttp.ClientSession() as http:

        async def come(since: str | None = None) -> dict[str, Any]:
            async with http.ws_connect(url, protocols=(SUBPROTOCOL,)) as socket:
                await socket.send_json(hello if since is None else {**hello, "since": since})
                return await _answer(socket, "heads")

        async def token() -> str:
            """All heads are told, page after page; the last one brings the token."""
            async with http.ws_connect(url, protocols=(SUBPROTOCOL,)) as socket:
                await socket.send_json(hello)
                page = await _answer(socket, "heads")
                while page["next"] is not None:
                    ask = {"type": "heads", "id": "more", "cursor": page["next"]}
                    await socket.send_json(ask)
                    page = await _answer(socket, "heads")
                return str(page["token"])

        since = await token()
        new = await _cost(world, times, come)
        returning = await _cost(world, times, lambda: come(since))
        async with http.ws_connect(url, protocols=(SUBPROTOCOL,)) as socket:
            await socket.send_json(hello)
            await _answer(socket, "heads")

            async def ask() -> None:
                await socket.send_json({"type": "inbox", "id": "first"})
                await _answer(socket, "inbox")

            inbox = await _cost(world, times, ask)
        _empty_redis(world)
        began = time.perf_counter()
        await come(since)
        restored_ms = round((time.perf_counter() - began) * 1_000, 1)
    return Opened(
        conversations=count,
        new_device=new,
        returning_device=returning,
        inbox=inbox,
        after_redis_lost_all_ms=restored_ms,
    )


async def _cost(world: World, times: int, do: Callable[[], Awaitable[object]]) -> Cost:
    """Do it so often, one after the other."""
    pids, seconds = world.pids(), []
    begin = mark(pids)
    for _ in range(times):
        began = time.perf_counter()
        await do()
        seconds.append(time.perf_counter() - began)
    cost = spent(begin, mark(pids))
    return Cost(latency=quantiles_ms(seconds), cpu_microseconds=cost.microseconds_a_message(times))


async def _answer(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next frame of a kind. Raises UserError when there is none, or an error."""
    async with asyncio.timeout(_ANSWER_SECONDS):
        while True:
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise _failed(f"ended with {message.data}")
            frame: dict[str, Any] = json.loads(message.data)
            if frame["type"] == kind:
                return frame
            if frame["type"] == "error":
                raise _failed(f"was refused: {frame['code']}")


def _empty_redis(world: World) -> None:
    with Redis.from_url(load(_Settings, world.environment()).redis.url) as redis:
        redis.flushall()


def _user(conversations: int) -> str:
    return f"has-{conversations}"


def _failed(what: str) -> UserError:
    return UserError(
        "opens_failed",
        f"What the benchmark asked for {what}.",
        "Read the logs in the benchmark's folder.",
    )

"""Pairs of people who write to each other at a steady rate; everything they do and see is recorded.

Each has one device: the real client library on a real socket, with its outbox and reconnects. Who
is shown a message of the other reads it at once. A message's body is its number, so that whatever
shows up anywhere can be told apart, also after it was sent anew under another id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

from chaos.history import Began, Ended, Linked, Marked, Recorder, Shown, Ticked
from client.client import Client
from client.errors import ClientError, Refused, Stopped
from client.memory import MemoryStore
from client.messages import LinkChanged, MarkerMoved, Notice, Problem, direct_conversation
from client.options import Options
from client.outgoing import Outgoing

_OPTIONS = Options(heartbeat_seconds=2.0, retry_base_seconds=0.2, retry_cap_seconds=1.0)
_ONLINE_SECONDS = 60.0

TokenOf = Callable[[str], Awaitable[str]]
"""Gives an access token for a user's phone."""


class Person:
    """A user with one device."""

    def __init__(self, user_id: str, urls: Sequence[str], token_of: TokenOf, recorder: Recorder,
                 http: aiohttp.ClientSession) -> None:  # fmt: skip
        self.user_id = user_id
        self._recorder = recorder
        self._reading: asyncio.Task[None] | None = None
        self.client = Client(
            urls,
            lambda: token_of(user_id),
            MemoryStore(),
            on_notice=self._hear,
            http=http,
            options=_OPTIONS,
        )

    async def come(self) -> None:
        """Be online."""
        await self.client.__aenter__()
        self._reading = asyncio.create_task(self._read())
        await self.client.until_online(_ONLINE_SECONDS)

    async def leave(self) -> None:
        """Go offline for good."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self.client.close()

    def _hear(self, notice: Notice) -> None:
        at = self._recorder.now()
        if isinstance(notice, LinkChanged):
            self._recorder.add(Linked(at, self.user_id, notice.link.value, notice.detail))
        elif isinstance(notice, MarkerMoved):
            self._recorder.add(
                Marked(
                    at,
                    self.user_id,
                    notice.conversation_id,
                    notice.user_id,
                    notice.delivered,
                    notice.read,
                )
            )
        elif isinstance(notice, Problem):
            said = f"problem {notice.code}: {notice.detail}"
            self._recorder.add(Linked(at, self.user_id, self.client.link.value, said))

    async def _read(self) -> None:
        with suppress(Stopped):
            async for message in self.client.messages():
                self._recorder.add(
                    Shown(
                        self._recorder.now(),
                        self.user_id,
                        message.conversation_id,
                        message.seq,
                        message.sender_id,
                        message.body,
                    )
                )
                if message.sender_id != self.user_id:
                    await self.client.read(message.conversation_id, message.seq)


@dataclass(slots=True)
class _Waiting:
    """A message that somebody sent and whose ticks are followed."""

    began_at: float
    follower: asyncio.Task[None]


class Crowd:
    """All pairs, and the load they make."""

    def __init__(self, people: Sequence[tuple[Person, Person]], recorder: Recorder) -> None:
        self.pairs = people
        self.people = [person for pair in people for person in pair]
        self._recorder = recorder
        self._waiting: dict[int, _Waiting] = {}
        self._number = 0

    async def come(self) -> None:
        """Everybody is online."""
        await asyncio.gather(*(person.come() for person in self.people))

    async def leave(self) -> None:
        """Everybody leaves; what is unsettled has no end."""
        for waiting in self._waiting.values():
            waiting.follower.cancel()
        await asyncio.gather(*(person.leave() for person in self.people))

    async def write(self, rate_per_second: float, stop: asyncio.Event) -> None:
        """Send at due times until the event is set; each pair takes turns."""
        due = time.monotonic()
        while not stop.is_set():
            for one, other in self.pairs:
                sender, receiver = (
                    (one, other) if self._number // len(self.pairs) % 2 else (other, one)
                )
                await self._send(sender, receiver)
                due += 1 / rate_per_second
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    def unsettled(self) -> list[int]:
        """The numbers of messages that have not had all three ticks."""
        return list(self._waiting)

    def oldest_wait_seconds(self) -> float:
        """How long the oldest unsettled message has waited; 0 when there is none."""
        first = next(iter(self._waiting.values()), None)
        return 0.0 if first is None else self._recorder.now() - first.began_at

    async def settle(self, timeout_seconds: float) -> list[int]:
        """Wait until every message was read by its receiver; the numbers of those that were not."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await asyncio.gather(*(waiting.follower for waiting in self._waiting.values()))
        return self.unsettled()

    async def _send(self, sender: Person, receiver: Person) -> None:
        self._number += 1
        number, at = self._number, self._recorder.now()
        conversation = direct_conversation(sender.user_id, receiver.user_id)
        self._recorder.add(Began(at, sender.user_id, conversation, number))
        try:
            outgoing = await sender.client.send(receiver.user_id, str(number))
        except ClientError as error:
            self._recorder.add(Ended(self._recorder.now(), number, code=error.code))
            return
        follower = asyncio.create_task(self._follow(outgoing, number))
        self._waiting[number] = _Waiting(at, follower)

    async def _follow(self, outgoing: Outgoing, number: int) -> None:
        """Record the end of a send and its ticks. One that ends otherwise has no end."""
        add, now = self._recorder.add, self._recorder.now
        try:
            seq = await outgoing.accepted()
            add(Ended(now(), number, seq=seq))
            await outgoing.delivered()
            add(Ticked(now(), number, 2))
            await outgoing.read()
            add(Ticked(now(), number, 3))
        except Refused as refused:
            add(Ended(now(), number, code=refused.code))
        except Stopped:
            return
        del self._waiting[number]

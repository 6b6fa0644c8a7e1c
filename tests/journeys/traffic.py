"""Pairs of people who write to each other at a steady rate, and what each of them saw."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp
from cassandra.cluster import Session

from client.client import Client, Options
from client.memory import MemoryStore
from client.messages import Notice, Tick, direct_conversation
from client.outgoing import Outgoing
from client.store import Store
from events.messages import MessageSent
from events.topics import partition_of
from infra import cassandra
from infra.settings import CassandraSettings, TokenSettings, load
from infra.stack.stack import Stack
from infra.tokens import ensure_development_key, mint
from tests.checkers import Seen, nothing_lost_or_doubled, order_of_facts, same_view, ticks_hold
from tests.live import decisions, until


@dataclass(frozen=True)
class Settings:
    """What a journey needs of the stack's settings."""

    tokens: TokenSettings
    cassandra: CassandraSettings


@dataclass
class Person:
    """A user with one device that reads everything at once."""

    user_id: str
    client: Client
    shown: dict[str, list[Seen]] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: "asyncio.Task[None] | None" = None

    async def start(self) -> None:
        await self.client.__aenter__()
        self._reading = asyncio.create_task(self._read())

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        await self.client.close()

    async def until_shown(self, conversation_id: str, count: int) -> None:
        """Wait until so many messages of a conversation were shown here."""
        while len(self.shown.get(conversation_id, ())) < count:
            self._news.clear()
            await self._news.wait()

    async def _read(self) -> None:
        async for message in self.client.messages():
            seen = Seen(message.seq, message.id, message.sender_id, message.body)
            self.shown.setdefault(message.conversation_id, []).append(seen)
            self._news.set()
            if message.sender_id != self.user_id:
                await self.client.read(message.conversation_id, message.seq)


class Traffic:
    """Some pairs of people on the gateways of a stack."""

    def __init__(self, stack: Stack, pairs: int, http: aiohttp.ClientSession) -> None:
        self.stack = stack
        self.urls = stack.environment()["CHAT_GATEWAY_URLS"].split(",")
        self._tokens = load(Settings, stack.environment()).tokens
        self._key = ensure_development_key(self._tokens)
        self._http = http
        run = uuid.uuid4().hex[:6]
        self.pairs = [
            (self.person(f"ann-{run}-{n}", n), self.person(f"bob-{run}-{n}", n + 1))
            for n in range(pairs)
        ]
        self.sent: dict[str, list[Outgoing]] = {}

    def person(
        self,
        user_id: str,
        gateway: int,
        device_id: str = "phone",
        store: Store | None = None,
        on_notice: Callable[[Notice], None] | None = None,
    ) -> Person:
        """Somebody whose client tries this gateway first."""

        async def token() -> str:
            return mint(
                self._key,
                self._tokens,
                user_id=user_id,
                device_id=device_id,
                now_seconds=int(time.time()),
                lifetime_seconds=3600,
            )

        first = gateway % len(self.urls)
        client = Client(
            [*self.urls[first:], *self.urls[:first]],
            token,
            store or MemoryStore(),
            on_notice=on_notice,
            http=self._http,
            options=Options(retry_cap_seconds=2.0),
        )
        return Person(user_id, client)

    @property
    def people(self) -> list[Person]:
        return [person for pair in self.pairs for person in pair]

    async def start(self) -> None:
        await asyncio.gather(*(person.start() for person in self.people))
        await asyncio.gather(*(person.client.until_online(60) for person in self.people))

    async def send(self, rate_per_second: float, until: asyncio.Event) -> None:
        """Send at due times until the event is set."""
        due, number = time.monotonic(), 0
        while not until.is_set():
            for one, other in self.pairs:
                sender, receiver = (one, other) if number % 2 else (other, one)
                outgoing = await sender.client.send(receiver.user_id, f"message {number}")
                conversation = direct_conversation(one.user_id, other.user_id)
                self.sent.setdefault(conversation, []).append(outgoing)
                due += 1 / rate_per_second
                number += 1
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def settle(self, seconds: float) -> None:
        """Wait until everything that was sent has been read by its receiver, and is known so."""
        try:
            await self._settled(seconds)
        except TimeoutError:
            raise AssertionError("\n".join(self.unsettled())) from None

    async def _settled(self, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            for outgoing in self.all_sent():
                await outgoing.read()
            for one, other in self.pairs:
                conversation = direct_conversation(one.user_id, other.user_id)
                wanted = len(self.sent.get(conversation, []))
                for person in (one, other):
                    await person.until_shown(conversation, wanted)

    def unsettled(self) -> list[str]:
        """What is still to come, for whoever finds that it did not."""
        found = [status.sentence for status in self.stack.status() if status.remedy]
        for one, other in self.pairs:
            conversation = direct_conversation(one.user_id, other.user_id)
            sent = self.sent.get(conversation, [])
            unread = [outgoing for outgoing in sent if outgoing.tick is not Tick.READ]
            if unread:
                first = unread[0]
                found.append(
                    f"{conversation}: {len(unread)} of {len(sent)} unread, first {first.id} "
                    f"seq {first.seq} {first.tick.name}"
                )
            for person in (one, other):
                shown = len(person.shown.get(conversation, []))
                if unread or shown < len(sent):
                    state = person.client.state
                    place = state.sync.conversation(conversation)
                    found.append(
                        f"{person.user_id}: {shown} shown, {person.client.link.name}, unsent "
                        f"{state.unsent}, heads whole {state.sync.heads_complete}, refresh due "
                        f"{state.refresh.unanswered}, cursor {place.cursor} of {place.head}, read "
                        f"{place.read}, unsettled {place.unsettled}, markers {place.markers}"
                    )
        return found

    async def until_written(self, rows: "Rows", seconds: float) -> None:
        """Wait until history holds as many rows as messages were sent; it may lag behind."""
        wanted = {conversation: len(sent) for conversation, sent in self.sent.items()}
        await until(
            lambda: all(len(rows.timeline(one)) >= count for one, count in wanted.items()),
            seconds=seconds,
            what="the timeline's last row",
        )

    def all_sent(self) -> list[Outgoing]:
        return [outgoing for sent in self.sent.values() for outgoing in sent]

    async def close(self) -> None:
        await asyncio.gather(*(person.close() for person in self.people))

    def facts(self, conversation_id: str) -> list[Seen]:
        """The messages of a conversation as the log has them."""
        return [
            Seen(fact.seq, fact.client_message_id, fact.sender_id, fact.body)
            for fact in decisions(self.stack, partition_of(conversation_id), conversation_id)
            if isinstance(fact, MessageSent)
        ]

    def wrong(self, rows: "Rows") -> list[str]:
        """Everything that does not hold, over facts, the views of all devices and the timeline."""
        found: list[str] = []
        for one, other in self.pairs:
            conversation = direct_conversation(one.user_id, other.user_id)
            sent = self.sent.get(conversation, [])
            facts = self.facts(conversation)
            found += order_of_facts(facts)
            found += nothing_lost_or_doubled([outgoing.id for outgoing in sent], facts)
            for person in (one, other):
                found += same_view(person.user_id, person.shown.get(conversation, []), facts)
            found += same_view("the timeline", rows.timeline(conversation), facts)
            ticks = {outgoing.id: int(outgoing.tick) for outgoing in sent}
            found += ticks_hold(ticks, int(Tick.READ))
        return found


class Rows:
    """The timeline as Cassandra has it, read with plain CQL.

    Connected when it is first asked, that is, after a fault and not before.
    """

    def __init__(self, stack: Stack) -> None:
        self._settings = load(Settings, stack.environment()).cassandra
        self._session: Session | None = None

    def _connected(self) -> Session:
        if self._session is None:
            self._session = cassandra.connect(self._settings)
        return self._session

    def timeline(self, conversation_id: str) -> list[Seen]:
        """Every row of a conversation, by seq."""
        found: list[Seen] = []
        bucket = 0
        while True:
            rows: Sequence[object] = list(
                self._connected().execute(
                    "SELECT seq, client_message_id, sender_id, body FROM timeline"
                    " WHERE conversation_id = %s AND bucket = %s ORDER BY seq ASC",
                    (conversation_id, bucket),
                )
            )
            if not rows:
                return found
            found += (Seen(*row) for row in rows)  # type: ignore[misc]
            bucket += 1

    def close(self) -> None:
        if self._session is not None:
            self._session.cluster.shutdown()

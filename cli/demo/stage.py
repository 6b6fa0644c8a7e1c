"""Where the demo plays: a stack of its own, two gateways, two workers, and who starts them again.

Admission runs in a worker process of its own, so that it can be killed alone. A process that the
story kills is started again at once, as a process supervisor would.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct

from cli.demo.people import Person
from cli.demo.promises import Seen
from cli.progress import Report
from client.client import Client
from client.options import Options
from client.store import SqliteStore
from events.fence import Fence
from events.ids import direct_conversation
from events.messages import MessageSent
from events.receipts import Move
from events.topics import CONVERSATIONS, GROUPS, RECEIPTS, Topic, partition_of
from infra import cassandra, catalogues
from infra.database import Database
from infra.ids_file import codec_at_start
from infra.log_reader import LogReader
from infra.settings import (
    CassandraSettings,
    ClientSettings,
    KafkaSettings,
    RegistrySettings,
    SchemaSettings,
    TokenSettings,
    load,
)
from infra.stack import services
from infra.stack.stack import Stack
from infra.tls import client_context
from infra.tokens import ensure_development_key, mint
from projections.history.rows import TimelineRow
from projections.history.store import TimelineStore
from replay import verify
from replay.compare import Difference

GATEWAYS = ("gateway-1", "gateway-2")
ADMISSION, OTHERS = "worker-admission", "worker-others"
CONVERSATION = direct_conversation("ann", "bob")

VERIFY_SECONDS = 15.0

_TOKEN_SECONDS = 3_600
_RATES = {"CHAT_EDGE_SEND_RATE_PER_MINUTE": "60000", "CHAT_EDGE_SEND_BURST": "1000"}
"""Bob's 250 messages are written at once; a person is held to less."""


@dataclass(frozen=True, slots=True)
class _Settings:
    kafka: KafkaSettings
    schemas: SchemaSettings
    registry: RegistrySettings
    cassandra: CassandraSettings
    tokens: TokenSettings
    gateways: ClientSettings


class Stage:
    """The running system, as the scenes use it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._known: _Settings
        self._urls: dict[str, str] = {}

    def build(self, report: Report) -> None:
        """Start everything, from nothing."""
        self.stack.start(report)
        catalogues.apply(load(catalogues.CatalogueSettings, self.stack.environment()))
        ports = self.stack.ports
        gateways = [services.gateway(ports, name, _RATES) for name in GATEWAYS]
        others = [role for role in GROUPS if role != "admission"]
        workers = [
            services.worker(ports, ADMISSION, ["admission"]),
            # Under lock each has a process of its own.
            *(
                [services.worker(ports, f"worker-{role}", [role]) for role in others]
                if self.stack.secure
                else [services.worker(ports, OTHERS, others)]
            ),
        ]
        self.stack.run(*gateways, *workers, on_progress=report)
        self._known = load(_Settings, self.stack.environment())
        # The stack names its gateways in this order.
        self._urls = dict(zip(GATEWAYS, self._known.gateways.urls, strict=True))

    async def enter(self, person: Person, gateway: str, device_id: str = "phone") -> None:
        """Bring a person online, at this gateway first."""
        urls = [self._urls[gateway], *(u for name, u in self._urls.items() if name != gateway)]
        store = SqliteStore(self.stack.folder / f"{person.name}-{device_id}.db")
        client = Client(
            urls,
            lambda: self._token(person.name, device_id),
            store,
            on_notice=person.hear,
            tls=client_context(ca_file) if (ca_file := self._known.gateways.ca_file) else None,
            options=Options(retry_cap_seconds=2.0),
        )
        await person.come(client)

    def gateway_of(self, person: Person) -> str:
        """Where the person is connected, or was last."""
        for link in reversed(person.links):
            for name, url in self._urls.items():
                if link.link == "online" and link.detail == url:
                    return name
        return "no gateway"

    async def kill(self, name: str) -> None:
        """SIGKILL."""
        await asyncio.to_thread(self.stack.kill, name)

    async def start_again(self, name: str) -> float:
        """What a supervisor does; the seconds until it was ready."""
        began = time.monotonic()
        await asyncio.to_thread(self.stack.start_part, name)
        return time.monotonic() - began

    async def facts(self) -> list[Seen]:
        """The conversation as the log has it."""
        return await asyncio.to_thread(self._facts)

    async def marker_moves(self) -> list[tuple[str, str, int]]:
        """User, kind and seq of each move of the conversation's markers, in order."""
        return await asyncio.to_thread(self._marker_moves)

    async def rows(self) -> list[Seen]:
        """The conversation as Cassandra has it."""
        session = await asyncio.to_thread(cassandra.connect, self._known.cassandra)
        try:
            store = TimelineStore(Database(lambda: session))
            found: list[TimelineRow] = []
            while True:
                after = found[-1].seq if found else 0
                page = await store.after(
                    CONVERSATION, after, until=after + 1_000, limit=500, body_bytes=1 << 20
                )
                found += page
                if not page:
                    return [
                        Seen(row.seq, row.client_message_id, row.sender_id, row.body)
                        for row in found
                    ]
        finally:
            await asyncio.to_thread(session.cluster.shutdown)

    async def verify(self, model: str) -> Difference:
        """A read model beside the log folded anew. Raises UserError when it is far behind."""
        known = verify.Settings(
            self._known.kafka, self._known.schemas, self._known.registry, self._known.cassandra
        )
        return await verify.verify(model, known, wait_seconds=VERIFY_SECONDS)

    async def _token(self, user_id: str, device_id: str) -> str:
        key = ensure_development_key(self._known.tokens)
        return mint(
            key,
            self._known.tokens,
            user_id=user_id,
            device_id=device_id,
            now_seconds=int(time.time()),
            lifetime_seconds=_TOKEN_SECONDS,
        )

    def _facts(self) -> list[Seen]:
        fence = Fence()
        decided = [
            event for event, offset in self._read(CONVERSATIONS) if fence.admits(event, offset)
        ]
        return [
            Seen(event.seq, event.client_message_id, event.sender_id, event.body)
            for event in decided
            if isinstance(event, MessageSent) and event.conversation_id == CONVERSATION
        ]

    def _marker_moves(self) -> list[tuple[str, str, int]]:
        return [
            (event.user_id, type(event).__name__, event.seq)
            for event, _ in self._read(RECEIPTS)
            if isinstance(event, Move) and event.conversation_id == CONVERSATION
        ]

    def _read(self, topic: Topic) -> Sequence[tuple[Struct, int]]:
        codec = codec_at_start(self._known.schemas.ids)
        place = (topic.name, partition_of(CONVERSATION))
        with LogReader(self._known.kafka) as reader:
            stretch = reader.ends([place])[place]
            return [
                (codec.decode(record.value()), record.offset() or 0)
                for record in reader.read({place: stretch})
            ]

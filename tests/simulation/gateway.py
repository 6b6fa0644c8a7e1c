"""A gateway: the real sockets, sessions, tokens, outboxes and deliveries, without aiohttp."""

import asyncio
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from bench.frames import FrameReader
from edge.announcer import Announcer
from edge.backlog import Backlog
from edge.connections import Connections
from edge.deliveries import Deliveries
from edge.hub import Hub
from edge.keyring import Keyring
from edge.limits import Limits
from edge.outbox import Outbox
from edge.publisher import EdgePublisher
from edge.tokens import Refusal
from edge.websocket import ClientSocket
from events.topics import SUBMISSIONS, delivery_topic
from infra.settings import KafkaSettings
from tests.simulation.kafka import SimulatedPublisher
from tests.simulation.machine import Process
from tests.simulation.parts import CODEC, TELEMETRY, Looks, Parts
from tests.simulation.tokens import KEYS, SETTINGS

_HEARTBEAT_SECONDS = 30.0
_ADDRESS = "192.0.2.1"
_BAD_TOKENS = 1_000_000
_UNANSWERED_MAX = 12
_DEVICES_MAX = 10
_SETTINGS: Any = SimpleNamespace(heartbeat_seconds=_HEARTBEAT_SECONDS, frame_seconds=30.0)
IN_FLIGHT_MAX = 16
INBOX_MAX = 1
"""Conversations in a page of the inbox, so that a few make several pages."""


class _SmallPages(Limits, frozen=True):
    """Limits that announce small pages; a client keeps to what is announced."""

    def announced(self) -> Mapping[str, int]:
        return {**super().announced(), "inbox": INBOX_MAX}


_LIMITS = _SmallPages(
    send_burst=10_000,
    open_burst=10_000,
    query_burst=10_000,
    frame_burst=100_000,
    in_flight=IN_FLIGHT_MAX,
)
FRAMES_MAX, _BYTES_MAX = 8, 1 << 20


class Wire:
    """A socket as its gateway holds it (transport, flow and writer in one), and its other end."""

    def __init__(
        self,
        ended: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`clock` gives seconds since 1970."""
        self.writing_paused = False
        """Whether the device has stopped reading, and everything between is full."""
        self.pings = 0
        self.down: list[bytes] = []
        """Whole messages that are on their way to the device."""
        self.closed: int | None = None
        """The code with which the gateway closed it; 0 when it was cut."""
        self.closed_at = float("inf")
        self.said: list[bytes] = []
        """Every message that the gateway ever wrote, in its order."""
        self.is_at_end = False
        """Whether the gateway said that it writes nothing more."""
        self._reader = FrameReader()
        self._reads = asyncio.Event()
        self._ended = ended
        self._clock = clock

    @property
    def has_something(self) -> bool:
        """Whether there is something that the device would take."""
        some = self.down or self.pings or self.closed is not None
        return bool(some) and not self.writing_paused

    def stop_reading(self) -> None:
        """The device takes nothing more."""
        self.writing_paused = True
        self._reads.clear()

    def read_on(self) -> None:
        """The device reads again."""
        self.writing_paused = False
        self._reads.set()

    def write(self, data: bytes) -> None:
        for opcode, content in self._reader.feed(data):
            if opcode == 1:
                self.down.append(content)
                self.said.append(content)
            elif opcode == 9:
                self.pings += 1
            elif opcode == 8:
                self.closed = int.from_bytes(content[:2], "big")
                self.closed_at = self._clock()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_at_end = True

    def is_closing(self) -> bool:
        return self.closed is not None

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if self.closed is None:
            self.closed = 0
        self._reads.set()
        self._ended()

    async def drain(self) -> None:
        while self.writing_paused and self.closed is None:
            await self._reads.wait()


class SimulatedGateway:
    """One gateway under one epoch."""

    def __init__(self, parts: Parts, name: str, epoch: str) -> None:
        self.id = name
        self.epoch = epoch
        self.process = Process(f"{name}-{epoch}")
        self.sockets: list[tuple[ClientSocket, Wire]] = []
        self._parts = parts
        self._ticker = Looks()
        loop: Any = parts.loop
        publisher: Any = SimulatedPublisher(
            parts.log, CODEC, parts.machine, self.process, gives_up=True
        )
        self._keyring = Keyring(
            SETTINGS, bad_tokens_per_minute=_BAD_TOKENS, now=parts.wall_time, clock=loop.time
        )
        self._keyring._keys = KEYS
        self.connections = Connections(loop, _HEARTBEAT_SECONDS, _DEVICES_MAX)
        backlog = Backlog(_UNANSWERED_MAX, SUBMISSIONS.partitions)
        self.voice = EdgePublisher(publisher, CODEC, TELEMETRY, loop, backlog)
        announcer = Announcer(name, epoch, self.connections, self.voice)
        parts.log.create(delivery_topic(name))
        deliveries = Deliveries(
            KafkaSettings(),
            name,
            epoch,
            codec=CODEC,
            connections=self.connections,
            backlog=backlog,
            telemetry=TELEMETRY,
            announce=announcer.sessions,
            on_fatal=self._ended,
            ticker=self._ticker,  # type: ignore[arg-type]
            clock=loop.time,
            consumer_of=lambda config: parts.consumer(self.process, None),  # type: ignore[arg-type, return-value]
        )
        self._hub = Hub(
            loop=loop,
            settings=_SETTINGS,
            limits=_LIMITS,
            gateway_id=name,
            gateway_epoch=epoch,
            connections=self.connections,
            publisher=self.voice,
            keyring=self._keyring,
            telemetry=TELEMETRY,
            wall_time=parts.wall_time,
        )
        self.ready = False
        self._life = loop.create_task(self._live(deliveries, announcer))

    @property
    def looks(self) -> list[Callable[[], bool]]:
        """What looks at the log."""
        return self._ticker.looks

    def open(self, token: str | None, since: str | None = None) -> tuple[ClientSocket, Wire] | None:
        """A socket, upgraded; with a session at once when the upgrade brought a token that is
        believed, without one until its hello; none when the token is not believed."""
        principal = None
        if token is not None:
            believed = self._keyring.check(token, _ADDRESS)
            if isinstance(believed, Refusal):
                return None
            principal = believed
        parts = self._parts
        wire = Wire(lambda: parts.loop.call_soon(lambda: self.cut(socket)), parts.wall_time)
        transport: Any = wire
        outbox = Outbox(
            transport, transport, transport, frames_max=FRAMES_MAX, bytes_max=_BYTES_MAX
        )
        socket = ClientSocket(self._hub, transport, outbox, _ADDRESS)
        socket.open(principal, since)
        self.sockets.append((socket, wire))
        self._parts.sockets.append((socket, wire))
        return socket, wire

    def visit(self) -> None:
        """Every socket is visited, as each is every few seconds."""
        for socket, _ in list(self.sockets):
            socket.visit(self._parts.loop.now)

    def cut(self, socket: ClientSocket) -> None:
        """The gateway hears that a socket has ended."""
        self.sockets = [one for one in self.sockets if one[0] is not socket]
        if self.process.alive:
            socket.feed_eof()

    def kill(self) -> None:
        """SIGKILL: every socket is cut."""
        self._parts.machine.kill(self.process)
        self._life.cancel()
        for _, wire in self.sockets:
            wire.abort()
        self.sockets = []

    async def _live(self, deliveries: Deliveries, announcer: Announcer) -> None:
        await deliveries.start()
        while True:
            try:
                await announcer.started()
                break
            except ConnectionError:
                await asyncio.sleep(0.5)  # whoever runs it starts it again
        self.ready = True
        await announcer.keep_alive()

    def _ended(self, reason: str) -> None:
        if self.process.alive:
            self._parts.findings.append(f"fault: {self.process.name} ended: {reason}")
            self.kill()

"""A gateway: the real sockets, sessions, outboxes and deliveries, without aiohttp and tokens."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from bench.frames import FrameReader
from edge.announcer import Announcer
from edge.connections import Connections
from edge.deliveries import Deliveries
from edge.hub import Hub
from edge.limits import Limits
from edge.outbox import Outbox
from edge.publisher import EdgePublisher
from edge.tokens import Principal
from edge.websocket import ClientSocket
from events.topics import delivery_topic
from tests.simulation.kafka import SimulatedPublisher
from tests.simulation.machine import Process
from tests.simulation.parts import CODEC, TELEMETRY, Looks, Parts

_HEARTBEAT_SECONDS = 30.0
_SETTINGS: Any = SimpleNamespace(heartbeat_seconds=_HEARTBEAT_SECONDS, frame_seconds=30.0)
IN_FLIGHT_MAX = 16
_LIMITS = Limits(send_burst=10_000, frame_burst=100_000, in_flight=IN_FLIGHT_MAX)
_FRAMES_MAX, _BYTES_MAX = 512, 1 << 20
_NEVER = 1e12


class Wire:
    """A socket as its gateway holds it (transport, flow and writer in one), and its other end."""

    writing_paused = False

    def __init__(self) -> None:
        self.down: list[bytes] = []
        """Whole messages that are on their way to the device."""
        self.closed: int | None = None
        """The code with which the gateway closed it; 0 when it was cut."""
        self._reader = FrameReader()

    def write(self, data: bytes) -> None:
        for opcode, content in self._reader.feed(data):
            if opcode == 1:
                self.down.append(content)
            elif opcode == 8:
                self.closed = int.from_bytes(content[:2], "big")

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if self.closed is None:
            self.closed = 0

    async def drain(self) -> None:
        pass


class SimulatedGateway:
    """One gateway under one epoch."""

    def __init__(self, parts: Parts, name: str, epoch: str) -> None:
        self.id = name
        self.process = Process(f"{name}-{epoch}")
        self.sockets: list[tuple[ClientSocket, Wire]] = []
        self._parts = parts
        self._ticker = Looks()
        loop: Any = parts.loop
        publisher: Any = SimulatedPublisher(
            parts.log, CODEC, parts.machine, self.process, gives_up=True
        )
        self.connections = Connections(loop, _HEARTBEAT_SECONDS)
        self.voice = EdgePublisher(publisher, CODEC, TELEMETRY, loop)
        announcer = Announcer(name, epoch, self.connections, self.voice)
        parts.log.create(delivery_topic(name))
        deliveries = Deliveries(
            "",
            name,
            epoch,
            codec=CODEC,
            connections=self.connections,
            telemetry=TELEMETRY,
            announce=announcer.sessions,
            on_fatal=self._ended,
            ticker=self._ticker,  # type: ignore[arg-type]
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
            keyring=None,  # type: ignore[arg-type]
            telemetry=TELEMETRY,
        )
        self.ready = False
        self._life = loop.create_task(self._live(deliveries, announcer))

    @property
    def looks(self) -> list[Callable[[], bool]]:
        """What looks at the log."""
        return self._ticker.looks

    def open(self, user_id: str, device_id: str) -> tuple[ClientSocket, Wire]:
        """A device's socket, upgraded and authenticated."""
        wire = Wire()
        transport: Any = wire
        outbox = Outbox(
            transport, transport, transport, frames_max=_FRAMES_MAX, bytes_max=_BYTES_MAX
        )
        socket = ClientSocket(self._hub, transport, outbox)
        socket.open(Principal(user_id, device_id, _NEVER))
        self.sockets.append((socket, wire))
        return socket, wire

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
            self._parts.findings.append(f"{self.process.name} ended: {reason}")
            self.kill()

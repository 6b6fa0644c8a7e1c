"""The gateway as a whole: its aiohttp application, and the order in which it starts and stops.

Start (D6): make the delivery topic, fix the place to read it from, *then* publish GatewayStarted
with a fresh epoch, then accept. So whatever is routed to this epoch is read. Stop: not ready, say
so, send the clients elsewhere over some time, flush.
"""

import asyncio
import dataclasses
import uuid
from collections.abc import Callable

import structlog
from aiohttp import web

from edge import hardening
from edge.announcer import Announcer
from edge.connections import Connections
from edge.deliveries import Deliveries
from edge.drain import drain
from edge.health import Readiness, health_app
from edge.keyring import Keyring
from edge.limits import Limits
from edge.outbox import Outbox
from edge.publisher import EdgePublisher
from edge.tokens import Principal, Refusal
from edge.websocket import ClientSocket, Hub
from events.codec import Codec
from events.frames import CloseCode
from events.topics import DELIVERIES, delivery_topic
from infra import topics
from infra.producer import Publisher
from infra.settings import EdgeSettings, KafkaSettings, TokenSettings
from infra.telemetry import (
    EDGE_HANDSHAKES,
    EDGE_QUEUED,
    EDGE_SESSIONS,
    EDGE_SOCKETS,
    Telemetry,
)

SOCKET_PATH = "/v1/ws"
_BACKLOG = 4_096
_LOOK_SECONDS = 0.005
"""How late the edge may learn that Kafka took a record; clients learn it by the fact."""

_REQUEST_SECONDS = 5
"""For a request to arrive in whole on a new connection."""

log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Everything a gateway is told."""

    edge: EdgeSettings
    kafka: KafkaSettings
    tokens: TokenSettings


class Gateway:
    """One gateway under one epoch; made on its event loop, started once, stopped once."""

    def __init__(self, settings: Settings, codec: Codec, on_fatal: Callable[[str], None]) -> None:
        edge = settings.edge
        loop = asyncio.get_running_loop()
        self.id = edge.gateway_id
        self.port = edge.port
        self.epoch = uuid.uuid4().hex
        self.telemetry = Telemetry("edge", instance_id=edge.gateway_id)
        self.connections = Connections(loop, edge.heartbeat_seconds)
        self._settings = settings
        self._keyring = Keyring(settings.tokens)
        self._publisher = Publisher(
            settings.kafka.bootstrap,
            codec,
            message_timeout_seconds=edge.message_timeout_seconds,
            on_fatal=on_fatal,
            client_id=edge.gateway_id,
            look_seconds=_LOOK_SECONDS,
        )
        self._voice = EdgePublisher(self._publisher, codec, self.telemetry, loop)
        self._announcer = Announcer(edge.gateway_id, self.epoch, self.connections, self._voice)
        self._deliveries = Deliveries(
            settings.kafka.bootstrap,
            edge.gateway_id,
            self.epoch,
            codec=codec,
            connections=self.connections,
            telemetry=self.telemetry,
            announce=self._announcer.sessions,
            on_fatal=on_fatal,
        )
        self.readiness = Readiness(
            lambda: self._voice.confirmed_at, lambda: self._deliveries.polled_at
        )
        self._hub = Hub(
            loop=loop,
            settings=edge,
            limits=limits_of(edge),
            gateway_id=edge.gateway_id,
            gateway_epoch=self.epoch,
            connections=self.connections,
            publisher=self._voice,
            keyring=self._keyring,
            telemetry=self.telemetry,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._clients: web.AppRunner | None = None
        self._health: web.AppRunner | None = None
        self.telemetry.gauge(EDGE_SOCKETS, lambda: self.connections.sockets)
        self.telemetry.gauge(EDGE_SESSIONS, lambda: self.connections.sessions)
        self.telemetry.gauge(EDGE_QUEUED, self._publisher.queued)

    async def start(self) -> None:
        """Start in the order that leaves no hole. Raises UserError."""
        edge = self._settings.edge
        self._keyring.load()
        topic = dataclasses.replace(DELIVERIES, name=delivery_topic(edge.gateway_id))
        await asyncio.to_thread(topics.apply, self._settings.kafka, (topic,))
        await self._publisher.start()
        await self._deliveries.start()
        await self._announcer.started()
        self._health = await _listen(
            health_app(self.readiness, self.telemetry), edge.host, edge.health_port
        )
        self._clients = await _listen(self._app(), edge.host, edge.port)
        self._tasks = [
            asyncio.create_task(self._announcer.keep_alive()),
            asyncio.create_task(self.connections.visit()),
            asyncio.create_task(self._keyring.keep_fresh()),
        ]
        self.readiness.started = True
        log.info("gateway started", gateway_id=edge.gateway_id, epoch=self.epoch, port=edge.port)

    async def stop(self) -> None:
        """Send the clients elsewhere and leave nothing unsaid. Once: a second call does nothing."""
        if self.readiness.draining:
            return
        self.readiness.draining = True
        self._announcer.draining()
        if self._clients is not None:
            for site in list(self._clients.sites):
                await site.stop()
        await drain(self.connections, self._settings.edge.drain_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._voice.flush_markers()
        await self._deliveries.stop()
        unsent = await self._publisher.stop()
        for runner in (self._clients, self._health):
            if runner is not None:
                await runner.cleanup()
        log.info("gateway stopped", unsent=unsent)

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", SOCKET_PATH, self._serve)
        return app

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        granted = self._admit(request)
        if isinstance(granted, hardening.Refusal):
            self.telemetry.count(EDGE_HANDSHAKES, 1, str(granted.status))
            refused = web.Response(
                status=granted.status, text=f"{granted.detail}\n", headers=granted.headers
            )
            refused.force_close()
            return refused
        upgrade, principal = granted
        self.telemetry.count(EDGE_HANDSHAKES, 1, "101")
        response = _Switched(upgrade.headers)
        writer = await response.prepare(request)
        transport = request.transport
        if transport is None or writer is None:
            return response
        edge = self._settings.edge
        outbox = Outbox(
            transport,
            request.protocol,
            writer,
            frames_max=edge.outbox_frames_max,
            bytes_max=edge.outbox_bytes_max,
        )
        socket = ClientSocket(self._hub, transport, outbox)
        request.protocol.keep_alive(False)
        if upgrade.spoken:
            socket.open(principal)
        else:
            socket.close(CloseCode.UNSUPPORTED_PROTOCOL, "unsupported_protocol")
        request.protocol.set_parser(socket)  # type: ignore[arg-type]
        await socket.ended
        return response

    def _admit(
        self, request: web.Request
    ) -> tuple[hardening.Upgrade, Principal | None] | hardening.Refusal:
        edge = self._settings.edge
        upgrade = hardening.upgrade(
            request.method,
            request.query_string,
            request.headers,
            edge.allowed_origins,
        )
        if isinstance(upgrade, hardening.Refusal):
            return upgrade
        if self.readiness.draining or self.connections.sockets >= edge.sockets_max:
            return hardening.Refusal(503, "No room for another socket.", {"Retry-After": "5"})
        token = hardening.bearer(request.headers)
        if token is None or isinstance(token, hardening.Refusal):
            return (upgrade, None) if token is None else token
        principal = self._keyring.check(token)
        if isinstance(principal, Refusal):
            return hardening.Refusal(
                401,
                f"Not authenticated: {principal.detail}.",
                {"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        return upgrade, principal


class _Switched(web.StreamResponse):
    """A 101 answer, behind which the socket is ours."""

    _length_check = False

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__(status=101, headers=headers)
        self.force_close()

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing: the socket has ended already."""


def limits_of(edge: EdgeSettings) -> Limits:
    """What a socket may do, by the settings."""
    return Limits(
        sends_per_minute=edge.send_rate_per_minute,
        send_burst=edge.send_burst,
        frames_per_minute=edge.frame_rate_per_minute,
        frame_burst=edge.frame_burst,
        in_flight=edge.in_flight_max,
        heartbeat_seconds=edge.heartbeat_seconds,
        hello_seconds=edge.hello_seconds,
    )


async def _listen(app: web.Application, host: str, port: int) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=_REQUEST_SECONDS)
    await runner.setup()
    await web.TCPSite(runner, host, port, backlog=_BACKLOG).start()
    return runner

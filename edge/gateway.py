"""The gateway as a whole: its aiohttp application, and the order in which it starts and stops.

Start (D6): make the delivery topic, fix the place to read it from, *then* publish GatewayStarted
with a fresh epoch, then accept. So whatever is routed to this epoch is read. Stop: not ready, say
so, send the clients elsewhere over some time, flush.
"""

import asyncio
import dataclasses
import ssl
import uuid
from collections.abc import Callable

import structlog
from aiohttp import web

from edge.announcer import Announcer
from edge.backlog import Backlog
from edge.connections import Connections
from edge.deliveries import Deliveries
from edge.door import Door
from edge.drain import drain
from edge.handshakes import Handshakes, Rules
from edge.health import Readiness, health_app
from edge.hub import Hub
from edge.keyring import Keyring
from edge.limits import Limits
from edge.outbox import Budget
from edge.porch import Porch
from edge.publisher import EdgePublisher
from events.codec import Codec
from events.frames import CloseCode
from events.topics import DELIVERIES, SUBMISSIONS, delivery_topic
from infra import topics
from infra.access import EDGE
from infra.demands.at_start import require_topics
from infra.producer import Publisher
from infra.settings import EdgeSettings, KafkaSettings, TokenSettings
from infra.telemetry import (
    EDGE_HANDSHAKES,
    EDGE_QUEUED,
    EDGE_SESSIONS,
    EDGE_SOCKETS,
    EDGE_UNANSWERED,
    EDGE_WAITING,
    Telemetry,
)
from infra.ticker import Ticker
from infra.tls import server_context

SOCKET_PATH = "/v1/ws"
_BACKLOG = 4_096
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
        ticker = Ticker(loop)
        self.id = edge.gateway_id
        self.port = edge.port
        self.epoch = uuid.uuid4().hex
        self.telemetry = Telemetry("edge", instance_id=edge.gateway_id)
        self.connections = Connections(loop, edge.heartbeat_seconds, edge.devices_max)
        self.backlog = Backlog(edge.unanswered_max, SUBMISSIONS.partitions)
        self._settings = settings
        self._on_fatal = on_fatal
        self._keyring = Keyring(
            settings.tokens,
            bad_tokens_per_minute=edge.bad_token_rate_per_minute,
            on_changed=self._keys_changed,
        )
        self._publisher = Publisher(
            settings.kafka,
            codec,
            message_timeout_seconds=edge.message_timeout_seconds,
            on_fatal=on_fatal,
            client_id=edge.gateway_id,
            ticker=ticker,
        )
        self._voice = EdgePublisher(self._publisher, codec, self.telemetry, loop, self.backlog)
        self._announcer = Announcer(edge.gateway_id, self.epoch, self.connections, self._voice)
        self._deliveries = Deliveries(
            settings.kafka,
            edge.gateway_id,
            self.epoch,
            codec=codec,
            connections=self.connections,
            backlog=self.backlog,
            telemetry=self.telemetry,
            announce=self._announcer.sessions,
            on_fatal=on_fatal,
            ticker=ticker,
            clock=loop.time,
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
            waiting=Budget(edge.outboxes_bytes_max),
        )
        self._handshakes = Handshakes(rules_of(edge))
        self._door = Door(self._hub, self._handshakes)
        self._listening: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._clients: web.AppRunner | None = None
        self._health: web.AppRunner | None = None
        self.telemetry.gauge(EDGE_SOCKETS, lambda: self.connections.sockets)
        self.telemetry.gauge(EDGE_SESSIONS, lambda: self.connections.sessions)
        self.telemetry.gauge(EDGE_QUEUED, self._publisher.queued)
        self.telemetry.gauge(EDGE_WAITING, lambda: self._hub.waiting.bytes)
        self.telemetry.gauge(EDGE_UNANSWERED, lambda: self.backlog.unanswered)

    async def start(self) -> None:
        """Start in the order that leaves no hole. Raises UserError."""
        edge = self._settings.edge
        self._keyring.load()
        topic = dataclasses.replace(DELIVERIES, name=delivery_topic(edge.gateway_id))
        await asyncio.to_thread(topics.apply, self._settings.kafka, (topic,))
        await asyncio.to_thread(require_topics, self._settings.kafka, EDGE)
        await self._publisher.start()
        await self._deliveries.start()
        await self._announcer.started()
        self._health = await _listen(
            health_app(self.readiness, self.telemetry), edge.host, edge.health_port
        )
        tls = tls_of(edge)
        self._clients = web.AppRunner(
            self._app(), access_log=None, keepalive_timeout=_REQUEST_SECONDS
        )
        await self._clients.setup()
        self._listening = await asyncio.get_running_loop().create_server(
            self._porch(self._clients),
            edge.host,
            edge.port,
            backlog=_BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else _REQUEST_SECONDS,
        )
        self._tasks = [
            asyncio.create_task(self._announcer.keep_alive(), name="keep_alive"),
            asyncio.create_task(self.connections.visit(), name="visit"),
            asyncio.create_task(self._keyring.keep_fresh(), name="keep_fresh"),
        ]
        for task in self._tasks:
            task.add_done_callback(self._task_ended)
        self.readiness.started = True
        log.info("gateway started", gateway_id=edge.gateway_id, epoch=self.epoch, port=edge.port)

    async def stop(self) -> None:
        """Send the clients elsewhere and leave nothing unsaid. Once: a second call does nothing."""
        if self.readiness.draining:
            return
        self.readiness.draining = True
        self._door.is_open = False
        self._announcer.draining()
        if self._listening is not None:
            self._listening.close()
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

    def _keys_changed(self) -> None:
        for socket in self.connections.all_sessions():
            if socket.principal is not None and not self._keyring.believes(socket.principal):
                socket.close(CloseCode.TOKEN_EXPIRED, "key_withdrawn")

    def _task_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task failed", exc_info=error)
            self._on_fatal(f"{task.get_name()} failed: {type(error).__name__}")

    def _porch(self, clients: web.AppRunner) -> Porch:
        assert clients.server is not None
        loop, handshakes, telemetry = self._hub.loop, self._handshakes, self.telemetry
        return Porch(
            clients.server,
            lambda: handshakes.turn_if_full(loop.time()),
            self._door.knock,
            lambda status: telemetry.count(EDGE_HANDSHAKES, 1, str(status)),
        )

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", SOCKET_PATH, self._door.serve)
        app.router.add_route("*", "/{path:.*}", self._door.astray)
        return app


def limits_of(edge: EdgeSettings) -> Limits:
    """What users and sockets may do, by the settings."""
    return Limits(
        sends_per_minute=edge.send_rate_per_minute,
        send_burst=edge.send_burst,
        opens_per_minute=edge.open_rate_per_minute,
        open_burst=edge.open_burst,
        queries_per_minute=edge.query_rate_per_minute,
        query_burst=edge.query_burst,
        marks_per_minute=edge.mark_rate_per_minute,
        mark_burst=edge.mark_burst,
        frames_per_minute=edge.frame_rate_per_minute,
        frame_burst=edge.frame_burst,
        in_flight=edge.in_flight_max,
        heartbeat_seconds=edge.heartbeat_seconds,
        hello_seconds=edge.hello_seconds,
        register_seconds=edge.register_seconds,
    )


def rules_of(edge: EdgeSettings) -> Rules:
    """What holds of handshakes, by the settings."""
    return Rules(
        sockets_max=edge.sockets_max,
        per_second=edge.handshake_rate_per_second,
        queue_seconds=edge.handshake_queue_seconds,
        address_sockets_max=edge.address_sockets_max,
        address_per_minute=edge.address_handshake_rate_per_minute,
        address_burst=edge.address_handshake_burst,
    )


def tls_of(edge: EdgeSettings) -> ssl.SSLContext | None:
    """How clients are spoken to; nothing when TLS ends before the gateway. Raises UserError."""
    if edge.tls_certificate_file is None or edge.tls_key_file is None:
        return None
    return server_context(edge.tls_certificate_file, edge.tls_key_file)


async def _listen(app: web.Application, host: str, port: int) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=_REQUEST_SECONDS)
    await runner.setup()
    await web.TCPSite(runner, host, port, backlog=_BACKLOG).start()
    return runner

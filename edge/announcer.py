"""Says that the gateway is there: its start, its heartbeat, its end, and all its sessions again.

Out: GatewayStarted, GatewayAlive, GatewayDraining on `chat.gateways`; SessionOpened for every
session when the registry of sessions asks for them, a few at a time.
"""

import asyncio

import structlog

from edge.connections import Connections
from edge.publisher import EdgePublisher
from events.gateways import GatewayAlive, GatewayDraining, GatewayStarted
from events.topics import GATEWAYS

ALIVE_SECONDS = 5.0
_SESSIONS_AT_ONCE = 500
_PAUSE_SECONDS = 0.05

log = structlog.get_logger()


class Announcer:
    """The voice of one gateway under one epoch."""

    def __init__(
        self,
        gateway_id: str,
        gateway_epoch: str,
        connections: Connections,
        publisher: EdgePublisher,
    ) -> None:
        self._id = gateway_id
        self._epoch = gateway_epoch
        self._connections = connections
        self._publisher = publisher
        self._sessions: asyncio.Task[None] | None = None
        self._asked = False

    async def started(self) -> None:
        """Say that the gateway starts; returns when Kafka has it."""
        event = GatewayStarted(gateway_id=self._id, gateway_epoch=self._epoch)
        await self._publisher.say(GATEWAYS, event, self._id)

    async def keep_alive(self) -> None:
        """Say that the gateway is alive every few seconds, until cancelled."""
        while True:
            event = GatewayAlive(
                gateway_id=self._id,
                gateway_epoch=self._epoch,
                sessions=self._connections.sessions,
            )
            self._publisher.announce(GATEWAYS, event, self._id, lambda: False)
            await asyncio.sleep(ALIVE_SECONDS)

    def draining(self) -> None:
        """Say that the gateway takes no new sockets."""
        event = GatewayDraining(gateway_id=self._id, gateway_epoch=self._epoch)
        self._publisher.announce(GATEWAYS, event, self._id)

    def sessions(self) -> None:
        """Announce every session again; once at a time, and once more if asked meanwhile.

        Whoever asks then may have come to life since the sessions at hand were announced.
        """
        self._asked = True
        if self._sessions is None or self._sessions.done():
            self._sessions = asyncio.get_running_loop().create_task(self._announce_sessions())

    async def _announce_sessions(self) -> None:
        while self._asked:
            self._asked = False
            sockets = self._connections.all_sessions()
            log.info("sessions announced again", sessions=len(sockets))
            for start in range(0, len(sockets), _SESSIONS_AT_ONCE):
                for socket in sockets[start : start + _SESSIONS_AT_ONCE]:
                    socket.announce()
                await asyncio.sleep(_PAUSE_SECONDS)

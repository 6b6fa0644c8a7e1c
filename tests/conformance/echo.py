"""An endpoint that sends back what it is sent, made of the parts that serve a gateway's clients.

Everything between the socket and the session is the gateway's: the porch, aiohttp's server, the
door and its upgrade, the reader, the outbox, the close. Only the session is not: what a client says
is put in the outbox again. What is taken differs by `Profile`, as arguments of those parts.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from edge import wire
from edge.connections import Connections
from edge.door import Door
from edge.gateway import SOCKET_PATH, limits_of, rules_of
from edge.handshakes import Handshakes
from edge.hub import Hub
from edge.keyring import Keyring
from edge.outbox import Budget, Outbox
from edge.porch import Porch
from edge.publisher import EdgePublisher
from edge.websocket import ClientSocket
from infra.settings import EdgeSettings, TokenSettings
from infra.telemetry import Telemetry

_MANY = 1_000_000
_MIB = 1_048_576
_BINARY_FIRST_BYTE = b"\x82"


@dataclass(frozen=True, slots=True)
class Profile:
    """What an endpoint takes; unless told otherwise, what a gateway does."""

    bytes_max: int = wire.BYTES_MAX
    fragments_max: int = wire.FRAGMENTS_MAX
    takes_binary: bool = False
    settings: dict[str, Any] = field(default_factory=dict)

    def reader(self) -> wire.Reader:
        """What reads one client."""
        return wire.Reader(
            self.bytes_max, fragments_max=self.fragments_max, takes_binary=self.takes_binary
        )


AS_SHIPPED = Profile()
UNLIMITED = Profile(
    bytes_max=16 * _MIB,
    fragments_max=_MANY,
    takes_binary=True,
    settings={"outbox_bytes_max": 64 * _MIB, "frame_seconds": 300.0},
)
"""Takes whatever the suite sends."""


class _Nobody:
    """Where events go: nowhere. An echo has no session, so there is nothing to say of one."""

    unsaid = 0


@asynccontextmanager
async def echo(profile: Profile, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """An endpoint on this loop; its port."""
    hub = _hub(EdgeSettings(**_settings(profile)))
    handshakes = Handshakes(rules_of(hub.settings))
    door = Door(hub, handshakes, _socket_of(profile))
    app = web.Application()
    app.router.add_route("*", SOCKET_PATH, door.serve)
    clients = web.AppRunner(app, access_log=None)
    await clients.setup()
    assert clients.server is not None
    porch = Porch(
        clients.server,
        lambda: handshakes.turn_if_full(hub.loop.time()),
        door.knock,
        lambda status: None,
    )
    visits = asyncio.create_task(hub.connections.visit())
    listening = await hub.loop.create_server(porch, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        visits.cancel()
        await clients.cleanup()


def _socket_of(profile: Profile) -> type[ClientSocket]:
    class EchoSocket(ClientSocket):
        __slots__ = ()
        close_seconds = 300.0

        def __init__(
            self, hub: Hub, transport: asyncio.Transport, outbox: Outbox, address: str
        ) -> None:
            super().__init__(hub, transport, outbox, address, profile.reader())

        def _said(self, content: str | bytes | int, now: float) -> None:
            if isinstance(content, str):
                self.send(wire.text_frame(content.encode()))
            else:
                self.send(_BINARY_FIRST_BYTE + wire.text_frame(cast(bytes, content))[1:])

    return EchoSocket


def _settings(profile: Profile) -> dict[str, Any]:
    """The suite opens a socket for each case, all from one address, and never says hello."""
    return {
        "gateway_id": "echo",
        "hello_seconds": 3_600.0,
        "handshake_rate_per_second": 1_000.0,
        "address_handshake_rate_per_minute": _MANY,
        "address_handshake_burst": _MANY,
        **profile.settings,
    }


def _hub(settings: EdgeSettings) -> Hub:
    loop = asyncio.get_running_loop()
    tokens = TokenSettings(jwks_file=Path("none"), signing_key_file=Path("none"))
    return Hub(
        loop=loop,
        settings=settings,
        limits=limits_of(settings),
        gateway_id=settings.gateway_id,
        gateway_epoch="echo",
        connections=Connections(loop, settings.heartbeat_seconds, settings.devices_max),
        publisher=cast(EdgePublisher, _Nobody()),
        keyring=Keyring(tokens, bad_tokens_per_minute=1),
        telemetry=Telemetry("echo", instance_id="echo"),
        waiting=Budget(settings.outboxes_bytes_max),
    )

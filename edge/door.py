"""Lets clients in: the handler of the one address at which a socket is asked for.

In: HTTP requests, as aiohttp reads them. Out: an error of HTTP, or a 101 behind which the
connection is a `ClientSocket` until it ends. aiohttp gives the server, its HTTP parser and its
time-outs; from the upgrade on it hands over bytes (ADR 0011).
"""

import asyncio

from aiohttp import web

from edge import hardening
from edge.address import client_address, is_ours
from edge.answers import CROWDED_SECONDS
from edge.handshakes import Handshakes, share_of
from edge.hub import Hub
from edge.outbox import Outbox
from edge.tokens import Principal, Refusal
from edge.websocket import ClientSocket
from events.frames import CloseCode
from infra.telemetry import EDGE_HANDSHAKES

_LOG_AWAY_SECONDS = 5.0


class Door:
    """The way in."""

    def __init__(
        self, hub: Hub, handshakes: Handshakes, opens: type[ClientSocket] = ClientSocket
    ) -> None:
        """`opens` is what a connection becomes."""
        self.is_open = True
        self._opens = opens
        self._hub = hub
        self._handshakes = handshakes

    def knock(self, peer: str) -> float:
        """0 when another connection may come from there, otherwise the seconds until it may."""
        if is_ours(peer, self._hub.settings.trusted_proxies):
            return 0.0  # behind it are many, whose connections it is for the proxy to bound
        address = share_of(client_address(peer, (), ()))
        return self._handshakes.knock(address, self._hub.loop.time())

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; returns when its socket has ended."""
        address = self._address_of(request)
        now, sockets = self._hub.loop.time(), self._hub.connections.sockets
        wait_seconds = self._handshakes.ask(address, sockets, now)
        if isinstance(wait_seconds, hardening.Refusal):
            return self._refused(wait_seconds)
        self._handshakes.opened(address)
        try:
            granted = await self._admit(request, address, wait_seconds)
            if isinstance(granted, hardening.Refusal):
                return self._refused(granted)
            return await self._serve(request, address, *granted)
        finally:
            self._handshakes.ended(address)

    async def astray(self, request: web.Request) -> web.StreamResponse:
        """Answer a request for anything else, and end its connection."""
        now = self._hub.loop.time()
        return self._refused(self._handshakes.astray(self._address_of(request), now))

    def _address_of(self, request: web.Request) -> str:
        return share_of(
            client_address(
                request.remote or "",
                request.headers.getall("X-Forwarded-For", ()),
                self._hub.settings.trusted_proxies,
            )
        )

    def _refused(self, refusal: hardening.Refusal) -> web.Response:
        self._hub.telemetry.count(EDGE_HANDSHAKES, 1, str(refusal.status))
        response = web.Response(
            status=refusal.status, text=f"{refusal.detail}\n", headers=refusal.headers
        )
        response.force_close()
        return response

    async def _serve(
        self,
        request: web.Request,
        address: str,
        upgrade: hardening.Upgrade,
        principal: Principal | None,
    ) -> web.StreamResponse:
        self._hub.telemetry.count(EDGE_HANDSHAKES, 1, "101")
        response = _Switched(upgrade.headers)
        writer = await response.prepare(request)
        transport = request.transport
        if transport is None or writer is None:
            return response
        settings = self._hub.settings
        outbox = Outbox(
            transport,
            request.protocol,
            writer,
            frames_max=settings.outbox_frames_max,
            bytes_max=settings.outbox_bytes_max,
            budget=self._hub.waiting,
        )
        socket = self._opens(self._hub, transport, outbox, address)
        request.protocol.keep_alive(False)
        if upgrade.spoken:
            socket.open(principal, hardening.since(request.headers))
        else:
            socket.close(CloseCode.UNSUPPORTED_PROTOCOL, "unsupported_protocol")
        request.protocol.set_parser(socket)  # type: ignore[arg-type]
        await socket.ended
        return response

    async def _admit(
        self, request: web.Request, address: str, wait_seconds: float
    ) -> tuple[hardening.Upgrade, Principal | None] | hardening.Refusal:
        """Grant or refuse; what may be granted waits for its turn before its token is checked."""
        upgrade = hardening.upgrade(
            (request.version.major, request.version.minor),
            request.method,
            request.query_string,
            request.headers,
            self._hub.settings.allowed_origins,
        )
        if isinstance(upgrade, hardening.Refusal):
            return upgrade
        if wait_seconds:
            await asyncio.sleep(wait_seconds)
        if not self.is_open:
            return hardening.later(503, "This gateway goes down.", 1.0)
        if self._hub.publisher.unsaid >= self._hub.settings.unsaid_max:
            return hardening.later(503, "The log is away.", _LOG_AWAY_SECONDS)
        token = hardening.bearer(request.headers)
        if token is None or isinstance(token, hardening.Refusal):
            return (upgrade, None) if token is None else token
        principal = self._hub.keyring.check(token, address)
        if isinstance(principal, Refusal):
            return hardening.not_believed(principal.detail, principal.wait_seconds)
        if not self._hub.connections.has_room_for(principal):
            return hardening.later(429, "Too many devices.", CROWDED_SECONDS)
        return upgrade, principal


class _Switched(web.StreamResponse):
    """A 101 answer, behind which the socket is ours."""

    _length_check = False

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__(status=101, headers=headers)
        self.force_close()

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing: the socket has ended already."""
